// A document that a screen shows: asked for when the screen opens, and again when something has changed.
import { useCallback, useEffect, useState } from "react";

import type { Document } from "./documents";
import { ask, Refusal } from "./relayhost";

export type Asked = { document: Document | null; refusal: Refusal | null; again: () => Promise<void> };

export function useAsked(words: string[]): Asked {
    const [state, setState] = useState<{ document: Document | null; refusal: Refusal | null }>({ document: null, refusal: null });
    const line = words.join("\n");
    const again = useCallback(async () => {
        try {
            setState({ document: await ask(line.split("\n")), refusal: null });
        } catch (refusal) {
            setState({ document: null, refusal: known(refusal) });
        }
    }, [line]);
    useEffect(() => void again(), [again]);
    return { ...state, again };
}

// What is thrown and is no refusal is a fault of this page: the browser's console shows it.
export function known(thrown: unknown): Refusal {
    if (thrown instanceof Refusal)
        return thrown;
    throw thrown;
}
