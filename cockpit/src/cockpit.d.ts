// What the page takes of the host's ../base1/cockpit.js.
type Superuser = { superuser?: "require" | "try" };

interface Spawn extends Promise<string> {
    // goesOn: more follows.
    input(text: string, goesOn?: boolean): Spawn;
    stream(told: (text: string) => void): Spawn;
    close(problem?: string): void;
}

interface Channel {
    addEventListener(event: "message", told: (event: Event, data: string) => void): void;
    close(): void;
}

interface Permission {
    allowed: boolean | null;
    addEventListener(event: "changed", told: () => void): void;
    close(): void;
}

declare const cockpit: {
    spawn(words: string[], options?: Superuser & { err?: "out" | "ignore" | "message" }): Spawn;
    channel(options: Superuser & { payload: string; path: string }): Channel;
    permission(options: { admin: boolean }): Permission;
    gettext(text: string): string;
    format(text: string, ...values: (string | number)[]): string;
    location: { path: string[]; go(path: string[]): void };
    addEventListener(event: "locationchanged", told: () => void): void;
    transport: { wait(ready: () => void): void };
    language: string;
};
