# Completion of armwatchd(8) for bash: its options, read from --help, and files for --config.

_armwatchd() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    [ "$prev" != --config ] || return
    mapfile -t COMPREPLY < <(compgen -W "$(armwatchd --help 2>/dev/null |
        grep -o -- '^  --[a-z0-9-]*')" -- "$cur")
}
# Where nothing is said, files are meant.
complete -o bashdefault -o default -F _armwatchd armwatchd
