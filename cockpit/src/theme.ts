// Light or dark, as Cockpit's shell is: its choice is in the local storage, and it says so when a person makes another one.
function follow(chosen?: string) {
    const style = chosen ?? localStorage.getItem("shell:style") ?? "auto";
    const dark = style === "dark" || (style === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
}

addEventListener("storage", event => event.key === "shell:style" && follow());
addEventListener("cockpit-style", event => follow((event as CustomEvent<{ style: string }>).detail.style));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => follow());
follow();
