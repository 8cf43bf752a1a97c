#!/usr/bin/env python3
"""The completion for bash offers every command, option and choice that the programs' help names, and leaves file names
to bash. Usage: completion.py ARMWATCH ARMWATCHD COMPLETION_DIRECTORY"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77
SCRIPT = """
source "$1" || exit 3
while IFS= read -r line; do
    eval "COMP_WORDS=($line)"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    "$2" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"
done
"""


class Completion:
    """Collects lines to complete and asks bash for all of them at once."""

    def __init__(self, path, function, environment):
        self.command = ["bash", "-c", SCRIPT, "bash", str(path), function]
        self.environment, self.lines, self.wanted = environment, [], []

    def want(self, line, words):
        """The line's last word is what has been typed of a word; "''" for nothing."""
        self.lines.append(line)
        self.wanted.append(set(words))

    def missing(self):
        done = subprocess.run(self.command, input="\n".join(self.lines) + "\n", env=self.environment, text=True,
                              capture_output=True, check=True)
        if done.stderr:
            yield done.stderr
        answers = done.stdout.splitlines()
        if len(answers) != len(self.lines):
            yield f"{len(answers)} answers to {len(self.lines)} lines"
        for line, wanted, answer in zip(self.lines, self.wanted, answers):
            if set(answer.split()) != wanted:
                yield f"{line}: {sorted(set(answer.split()) ^ wanted)} differ from the help"


def help_of(*command):
    return subprocess.run([*command, "--help"], check=True, capture_output=True, text=True).stdout


def options_of(text):
    return set(re.findall(r"^  (--[a-z0-9-]+)", text, re.MULTILINE))


def add_armwatch(armwatch, completion):
    listed = re.search(r"^Commands:\n(.*?)\n\n", help_of(armwatch), re.MULTILINE | re.DOTALL)[1]
    commands = re.findall(r"^  ([a-z][a-z-]*(?: [a-z-]+)?)(?:  |$)", listed, re.MULTILINE)
    firsts = {command.split()[0] for command in commands}
    completion.want("armwatch ''", firsts | {"help"})
    completion.want("armwatch rec", {word for word in firsts if word.startswith("rec")})
    completion.want("armwatch model ''", {command.split()[1] for command in commands if command.startswith("model ")})
    for command in commands:
        text = help_of(armwatch, *command.split())
        options = options_of(text)
        completion.want(f"armwatch {command} --", options)
        completion.want(f"armwatch {command} --js", options & {"--json"})
        for option, choices in re.findall(r"^  (--[a-z0-9-]+) (\S+\|\S+)", text, re.MULTILINE):
            completion.want(f"armwatch {command} {option} ''", choices.split("|"))
        for option in re.findall(r"^  (--[a-z0-9-]+) FILE", text, re.MULTILINE):
            completion.want(f"armwatch {command} {option} ''", [])  # bash's own: file names
    completion.want("armwatch model install ''", [])
    completion.want("armwatch ctl --json re", {"reload", "resume"})


def main():
    armwatch, armwatchd, directory = (os.path.abspath(argument) for argument in sys.argv[1:])
    if not shutil.which("bash"):
        print("skipped: bash is not installed")
        return SKIPPED
    path = os.pathsep.join([os.path.dirname(armwatch), os.path.dirname(armwatchd), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    command = Completion(pathlib.Path(directory) / "armwatch.bash", "_armwatch", environment)
    add_armwatch(armwatch, command)
    daemon = Completion(pathlib.Path(directory) / "armwatchd.bash", "_armwatchd", environment)
    daemon.want("armwatchd --", options_of(help_of(armwatchd)))
    daemon.want("armwatchd --config ''", [])
    found = [*command.missing(), *daemon.missing()]
    print("\n".join(found) if found else f"{len(command.lines) + len(daemon.lines)} lines are completed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
