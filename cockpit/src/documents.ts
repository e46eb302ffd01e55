// The documents of `relayhost --json`, as much of docs/schema.json as the page shows.

export type Cause = { id: string; text: string; remedy: string };
export type Trouble = { text: string; remedy: string; again: boolean };
export type Finding = { id: string; state: "fine" | "differs" | "warning" | "note"; found: string; remedy: string | null };

export type Mail = {
    relay: string;
    leaves: boolean | null;
    sentence: string;
    waiting: { messages: number | null; held?: number | null; complete: boolean; age: number | null };
    taken: { time: string | null; age: number; to: string; reply: string } | null;
    refused: { time: string | null; to: string; reason: string } | null;
    unknown: string[];
};

export type Hop = {
    name: string;
    value: string;
    at: { parameter: string | null; file: string | null; line: number | null }[];
    faults: { stops: boolean; text: string; remedy: string }[];
    notes: string[];
};
export type Route = { from: string; to: string; leaves: boolean; hops: Hop[] };

export type Probe = {
    relayhost: string;
    stages: { name: string; good: boolean; text: string; said: string | null }[];
    warnings: Cause[];
    ending: "willing" | "untried" | "failed";
    untried?: string;
    cause?: Cause;
    evidence?: string[];
    doubts?: string[];
};

export type Delivery = {
    to: string;
    queue_id: string | null;
    seconds: number;
    accepted: boolean;
    relay?: string;
    reply?: string;
    cause?: Cause;
    evidence?: string[];
    arrival?: { arrived: boolean; seen: { folder: string; seconds: number } | null; cause: Cause | null };
};

export type Question = {
    question: string;
    text: string;
    help: string;
    default: string | null;
    secret: boolean;
    options: { answer: string; title: string }[];
    free: boolean;
    answer?: string | null;
    given?: boolean;
    said?: string | null;
};
export type Form = {
    edits: boolean;
    asked: Question[];
    open: Question | null;
    refused: { question: string; problem: string; remedy: string } | null;
    more: Question[];
    steps: { title: string; steps: string[]; commands: string[]; wait: string | null }[];
    preview: string | null;
};
// What a person has answered so far, by the words of the questions.
export type Sheet = Record<string, string>;

export type Provider = {
    name: string;
    title: string;
    username?: string;
    password?: string;
    ready: string[];
    limits: string[];
    sender?: string;
    warnings: { from?: string | null; text: string }[];
    source: string;
};

export type Failure = {
    id: string;
    verdict: string;
    ours: boolean;
    messages: number;
    waiting: number;
    lines: number;
    first: string | null;
    last: string | null;
    over: boolean;
    cause: string | null;
    remedy: string;
    fix: "apply" | "repair" | null;
    words: string;
    example: { queue_id: string; to: string; words: string } | null;
};
export type Step = { time: string | null; text: string; good: boolean; times: number; cause: { text: string; remedy: string } | null };
export type Diagnosis = {
    sources: string[];
    unreadable: string[];
    from?: string | null;
    to?: string | null;
    accepted?: number;
    failures?: Failure[];
    queue_id?: string;
    failed?: boolean;
    steps?: Step[];
};

export type Generation = { number: number; time: string; command: string; fate: "open" | "kept" | "undone"; taken_back_by: number | "hand" | null; files: string[] };
export type Change = { file: string; diff: string | null };
export type Action = { kind: string; text: string; diff: string };

export type Progress = {
    event: "begin" | "output" | "note" | "wait" | "invite" | "end";
    stage?: string;
    text?: string;
    ended?: "good" | "bad" | "open";
    seconds?: number;
    limit?: number;
    address?: string;
    code?: string;
};

export type Document = {
    version: number;
    command: string;
    exit?: number;
    error?: Trouble;
    progress?: Progress;
    status?: { answered: boolean; lines: { name: string; text: string }[]; next: string | null };
    findings?: Finding[];
    mail?: Mail;
    route?: Route;
    form?: Form;
    probe?: Probe;
    written?: string[];
    notes?: string[];
    summary?: string;
    next?: string[];
    providers?: Provider[];
    actions?: Action[];
    foreign?: string[];
    delivery?: Delivery;
    unlike?: string | null;
    result?: string;
    undone?: boolean;
    put_back?: "refused" | "no_word" | "not_arrived";
    generation?: number | null;
    previous?: number | null;
    edited?: string[];
    undo?: string | null;
    wanted?: string | null;
    recovered?: string;
    unrecorded?: string;
    generations?: Generation[];
    changes?: Change[];
    diagnosis?: Diagnosis;
    login?: { mailbox: string; account: string | null };
};
