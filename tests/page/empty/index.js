cockpit.transport.wait(() => (document.getElementById("app").textContent = "Empty"));
