// The keyboard is never nowhere: where what had it goes away, the screen that is shown instead gets it.
export function keepFocus(screen: HTMLElement): () => void {
    let last: Element | null = null;
    const came = (event: FocusEvent) => (last = event.target as Element);
    // Who clicks beside everything has let go of it. What goes away may lose it, too, before it is gone.
    const went = () => setTimeout(() => {
        if (last?.isConnected && !last.contains(document.activeElement))
            last = null;
    });
    const changed = new MutationObserver(() => {
        if (last === null || last.isConnected || (document.activeElement ?? document.body) !== document.body)
            return;
        last = null;
        screen.focus({ preventScroll: true });
    });
    document.addEventListener("focusin", came);
    document.addEventListener("focusout", went);
    changed.observe(document.body, { childList: true, subtree: true });
    return () => {
        document.removeEventListener("focusin", came);
        document.removeEventListener("focusout", went);
        changed.disconnect();
    };
}
