// The program, and the only place where the page starts one. Passwords go by standard input, never by arguments.
import type { Document, Sheet, Trouble } from "./documents";
import { Records } from "./records";

const _ = cockpit.gettext;

// `why`: missing: there is no relayhost. old: it does not know what the page asks for. access: not allowed. bridge: the
// connection to the host is lost. error: relayhost's own words.
export class Refusal extends Error {
    constructor(readonly why: "missing" | "old" | "access" | "bridge" | "error", readonly trouble: Trouble) {
        super(trouble.text);
    }
}

type Ended = { message?: string; problem?: string | null; exit_status?: number | null };

function refusal(ended: Ended): Refusal {
    const words = ended.message ?? "";
    if (ended.problem === "not-found")
        return new Refusal("missing", { text: _("relayhost is not installed on this host."), remedy: _("Install the package `relayhost`."), again: true });
    if (ended.problem === "access-denied" || ended.problem === "authentication-failed")
        return new Refusal("access", { text: _("This needs administrative access."), remedy: _("Turn on administrative access at the top of this page."), again: true });
    if (ended.problem)
        return new Refusal("bridge", { text: cockpit.format(_("The connection to the host is lost ($0)."), ended.problem), remedy: _("A run that was begun goes on. Connect again to see how it ends."), again: true });
    return new Refusal("old", { text: _("The relayhost of this host does not know what this page asks for."), remedy: cockpit.format(_("Update the package `relayhost`. It said: $0"), words), again: false });
}

// ask: one document of relayhost. An exit status other than 0 is an answer, too; only an error is thrown.
export async function ask(words: string[], input = ""): Promise<Document> {
    let output = "";
    const run = cockpit.spawn(["relayhost", ...words, "--json"], { superuser: "require", err: "message" });
    run.stream(text => (output += text));
    run.input(input);
    let ended: Ended = {};
    await run.catch((error: Ended) => (ended = error));
    const document = read(output);
    if (document === null)
        throw refusal(ended);
    if (document.error)
        throw new Refusal("error", document.error);
    return document;
}

function read(output: string): Document | null {
    try {
        const document = JSON.parse(output) as Document;
        return document.version === 1 ? document : null;
    } catch {
        return null;
    }
}

export const describe = (sheet: Sheet) => ask(["init", "--describe", "--from", "-"], JSON.stringify(sheet));
export const write = (sheet: Sheet) => ask(["init", "--force", "--from", "-"], JSON.stringify(sheet));

// ---- Runs that outlive the tab: transient units, whose output is in the journal.

// talk: of a run that a person answers on its standard input. It ends with this page.
export type Run = { unit: string; words: string[]; talk?: Spawn };
const NAME = "relayhost-page";
const UNITS = `${NAME}-`;
const READ = "relayhost:read";

// start: begins a run; nothing of it is lost when this page goes.
export async function start(words: string[]): Promise<Run> {
    const unit = `${UNITS}${words[0]}-${Date.now().toString(36)}.service`;
    const command = ["systemd-run", "--quiet", "--collect", `--unit=${unit}`, `--property=SyslogIdentifier=${NAME}`, "--", "relayhost", ...words, "--json=stream"];
    await cockpit.spawn(command, { superuser: "require", err: "message" }).catch((error: Ended) => {
        throw error.problem
            ? refusal(error)
            : new Refusal("error", { text: error.message ?? "", remedy: _("Look into the journal of the host."), again: true });
    });
    return { unit, words };
}

// converse: begins a run that asks for something while it is at work.
export function converse(words: string[]): Run {
    const talk = cockpit.spawn(["relayhost", ...words, "--json=stream"], { superuser: "require", err: "ignore" });
    return { unit: `${UNITS}${words[0]}-here-${Date.now()}`, words, talk };
}

// current: the run to attach to again, whoever's page began it: one that is at work, or the last one, if that was a moment ago and
// nobody here has read how it ended. Cockpit forgets what a tab has kept when a person logs in again, the journal does not.
export async function current(): Promise<Run | null> {
    const said = (words: string[]) => cockpit.spawn(words, { superuser: "try", err: "ignore" }).catch(() => "");
    const list = await said(["systemctl", "list-units", "--all", "--plain", "--no-legend", `${UNITS}*`]);
    const last = await said(["journalctl", `--identifier=${NAME}`, "--since=-15min", "--reverse", "--lines=1", "--output=json", "--output-fields=_SYSTEMD_UNIT"]);
    const unit = [list, last].map(text => new RegExp(`${UNITS}[a-z0-9-]+\\.service`).exec(text)?.[0]).find(Boolean);
    return unit && unit !== sessionStorage.getItem(READ) ? { unit, words: [unit.slice(UNITS.length).split("-")[0]] } : null;
}

// dismiss: a person has read how the run ended.
export const dismiss = (run: Run) => sessionStorage.setItem(READ, run.unit);

// follow: tells the documents of a run from its beginning on, then its end; gives what stops this.
export function follow(run: Run, told: (document: Document) => void, ended: (lost: Refusal | null) => void): () => void {
    return run.talk ? listen(run.talk, told, ended) : attach(run, told, ended);
}

function listen(talk: Spawn, told: (document: Document) => void, ended: (lost: Refusal | null) => void): () => void {
    let rest = "";
    talk.stream(text => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        lines.map(read).forEach(document => document && told(document));
    });
    // An exit status other than 0 is told by the last document.
    talk.then(() => ended(null), (error: Ended) => ended(error.problem ? refusal(error) : null));
    return () => talk.close();
}

function attach(run: Run, told: (document: Document) => void, ended: (lost: Refusal | null) => void): () => void {
    const records = new Records();
    let over = false;
    const end = (lost: Refusal | null) => {
        if (!over) {
            over = true;
            journal.close();
            ended(lost);
        }
    };
    // --all: it leaves out what is longer than 4096 bytes otherwise.
    const journal = cockpit.spawn(["journalctl", "--unit", run.unit, "--output=json", "--all", "--follow", "--lines=all"], { superuser: "require", err: "ignore" });
    journal.stream(text => {
        if (over)
            return;
        const heard = records.take(text);
        heard.documents.forEach(told);
        if (heard.documents.some(document => document.exit !== undefined))
            end(null);
        // journald may still have the unit's last line when systemd says that it is over.
        else if (heard.ended)
            setTimeout(() => end(null), 2000);
    });
    journal.catch((error: Ended) => end(refusal(error)));
    return () => {
        over = true;
        journal.close();
    };
}

// ---- What the host itself tells, so that nothing has to be asked for again and again.

// No look begins sooner than this after the one before.
const PAUSE = 10_000;

// watch: calls `look` when relayhost's records, the answers or Postfix's log have something new; gives what stops this.
export function watch(look: () => Promise<void>): () => void {
    let timer: number | null = null;
    let quiet = Date.now() + PAUSE;
    const later = () => {
        timer ??= window.setTimeout(async () => {
            await look();
            // A look writes what it has learned of the log: that is nothing new.
            quiet = Date.now() + PAUSE;
            timer = null;
        }, Math.max(1000, quiet - Date.now()));
    };
    const folders = ["/var/lib/relayhost", "/etc/relayhost"].map(path => {
        const channel = cockpit.channel({ payload: "fswatch1", path, superuser: "try" });
        channel.addEventListener("message", () => Date.now() > quiet - PAUSE + 2000 && later());
        return channel;
    });
    // That there is a line is all that counts; its words, which any user may write, do not come here.
    const log = cockpit.spawn(["journalctl", "--follow", "--lines=0", "--output=json", "--output-fields=PRIORITY", "SYSLOG_FACILITY=2"], { superuser: "try", err: "ignore" });
    log.stream(later);
    log.catch(() => undefined);
    return () => {
        folders.forEach(channel => channel.close());
        log.close();
        if (timer !== null)
            clearTimeout(timer);
    };
}
