// Two versions of a file, line by line, as relayhost compares them.
export function Difference({ of, label }: { of: string; label: string }) {
    const kind = (line: string) => (line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : undefined);
    return (
        <pre className="words" tabIndex={0} role="group" aria-label={label}>
            {of.trimEnd().split("\n").map((line, index) => <span key={index} className={kind(line)}>{line}{"\n"}</span>)}
        </pre>
    );
}
