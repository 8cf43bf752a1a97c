# Completion of armwatch(1) for bash. Commands, options and choices are read from --help, so they are
# always those of the installed program; tests/lint/completion.py asks it for every one of them.

_armwatch_commands() {
    armwatch --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p'
}

# "--format json|channels|binary" is one line of the help.
_armwatch_choices() {
    armwatch "${@:2}" --help 2>/dev/null |
        sed -n "s/^  $1 \([^ ]*|[^ ]*\).*/\1/p" | tr '|' ' '
}

# What "ctl" can ask for stands before its options.
_armwatch_requests() {
    armwatch ctl --help 2>/dev/null | sed -n '/^Options:/q; /^  armwatch /d; s/^  \([a-z]*\).*/\1/p'
}

_armwatch() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} commands words
    COMPREPLY=()
    commands=$(_armwatch_commands)
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(cut -d ' ' -f 1 <<<"$commands" | sort -u) help" -- "$cur")
        return
    fi
    words=("${COMP_WORDS[1]}")
    if grep -q "^${words[0]} " <<<"$commands"; then
        if [ "$COMP_CWORD" -eq 2 ]; then
            mapfile -t COMPREPLY < <(
                compgen -W "$(sed -n "s/^${words[0]} //p" <<<"$commands")" -- "$cur")
            return
        fi
        words+=("${COMP_WORDS[2]}")
    fi
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(armwatch "${words[@]}" --help 2>/dev/null |
            grep -o -- '^  --[a-z0-9-]*')" -- "$cur")
    elif [[ $prev == --* ]] && armwatch "${words[@]}" --help 2>/dev/null | grep -q -- "^  $prev [^ ]"; then
        mapfile -t COMPREPLY < <(
            compgen -W "$(_armwatch_choices "$prev" "${words[@]}")" -- "$cur")
    elif [ "${words[0]}" = ctl ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_armwatch_requests)" -- "$cur")
    fi
}
# Where nothing is said, files are meant.
complete -o bashdefault -o default -F _armwatch armwatch
