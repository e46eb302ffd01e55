// A real transaction of rpm's, held open by a scriptlet that reads from a pipe: a run waits for it and names it, and what was asked for
// inside of it (exit 6) is there to see.
import assert from "node:assert/strict";
import { test } from "node:test";

import { top } from "./host.mjs";
import { begin, end } from "./scene.mjs";

const { host, admin } = await begin("submission", {
    options: ["--answers", `${top}/examples/authenticated.toml`],
    prepare: async host => {
        await host.run(`rpm -e cyrus-sasl-plain; mkfifo /root/held; . /lab/tests/lab/lib.sh
            printf '%s\n' '%post' 'relayhost apply >/root/said 2>&1; echo $? >/root/exit; cat /root/held' | package holder
            rpm -i /root/holder.rpm >/root/rpm 2>&1 & echo $! >/root/pid`);
        await host.until("[ -s /root/exit ]");
    },
});

test("what was asked for inside of it is told, and when it is done", async () => {
    assert.equal((await host.run("cat /root/exit")).text.trim(), "6");
    await admin.text("was called inside an RPM transaction");
    await admin.looks("deferred");
});

test("a run that has to install waits for it, names it, and does the work when it is over", async () => {
    await admin.press("Run relayhost apply");
    await admin.frame.locator(".at-work").getByText(/waiting for process \d+ \(rpm .*-i \/root\/holder\.rpm\) to end/).waitFor();
    await admin.looks("transaction");
    await host.run("echo go >/root/held");
    await admin.text("has accepted the message to ops@example.com");
    await host.until("! kill -0 $(cat /root/pid) 2>/dev/null");
    assert.equal((await host.run("rpm -q cyrus-sasl-plain holder")).code, 0);
});

end(admin);
