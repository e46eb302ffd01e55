// A throwaway host of the lab that boots, with Cockpit and the page, and a shell in it.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export const top = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const program = process.env.RELAYHOST_PROGRAM ?? `${top}/target/debug/relayhost`;

// The processes below this one, as the machine sees them.
function below(pid) {
    const parents = new Map();
    for (const name of readdirSync("/proc").filter(name => /^\d+$/.test(name))) {
        try {
            const [, comm, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, "utf8"));
            parents.set(Number(name), { comm, parent: Number(parent) });
        } catch {
            // It has ended meanwhile.
        }
    }
    const found = [];
    for (let todo = [pid]; todo.length > 0;) {
        const next = todo.shift();
        for (const [child, { comm, parent }] of parents)
            if (parent === next)
                found.push({ pid: child, comm }), todo.push(child);
    }
    return found;
}

export class Host {
    // Who is in front of it. They go with the host, as this process would not end while a browser of theirs runs.
    people = [];

    // start: a host beside that relay; `options` are more of `scripts/lab run`.
    static async start(relay, ...options) {
        const binds = [`${top}/cockpit/dist:/usr/share/cockpit/relayhost`].flatMap(bind => ["--bind", bind]);
        const host = new Host();
        host.lab = spawn(`${top}/scripts/lab`, ["run", "--cockpit", "--binary", program, "--relay", relay, ...binds, ...options, "--", "bash"], { stdio: ["pipe", "pipe", "inherit"] });
        host.output = "";
        host.heard = () => undefined;
        host.lab.stdout.setEncoding("utf8").on("data", text => {
            host.output += text;
            host.heard();
        });
        host.lab.on("exit", () => host.heard());
        await host.run("true");
        host.pid = below(host.lab.pid).find(process => process.comm === "systemd").pid;
        return host;
    }

    // run: a command in the host, as root: its output, and its exit status.
    async run(command) {
        const mark = `--mark-${Math.random().toString(36).slice(2)}`;
        const from = this.output.length;
        this.lab.stdin.write(`{ ${command}\n} </dev/null 2>&1; printf '\\n%s %s\\n' ${mark} $?\n`);
        for (;;) {
            const end = new RegExp(`\\n${mark} (\\d+)\\n`).exec(this.output.slice(from));
            if (end)
                return { text: this.output.slice(from, from + end.index), code: Number(end[1]) };
            if (this.lab.exitCode !== null)
                throw new Error(`the host has ended with ${this.lab.exitCode}`);
            await new Promise(heard => (this.heard = heard));
        }
    }

    // until: waits until the command succeeds, for that many seconds.
    async until(command, seconds = 20) {
        const { code, text } = await this.run(`for ((n = 0; n < ${seconds * 5}; n++)); do ${command} && break; sleep 0.2; done; [ "$n" -lt ${seconds * 5} ]`);
        if (code !== 0)
            throw new Error(`not within ${seconds} s: ${command}\n${text}`);
        return text;
    }

    async stop() {
        await Promise.all(this.people.map(person => person.close()));
        this.lab.stdin.end();
        if (this.lab.exitCode === null)
            await new Promise(ended => this.lab.once("exit", ended));
    }
}
