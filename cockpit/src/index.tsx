import { createRoot } from "react-dom/client";

import "@patternfly/react-core/dist/styles/base.css";
import "./page.css";
import "./theme";
import { App } from "./app";

// The words of the page are there once Cockpit knows the language.
cockpit.transport.wait(() => {
    document.documentElement.lang = cockpit.language || "en";
    createRoot(document.getElementById("app") as HTMLElement).render(<App />);
});
