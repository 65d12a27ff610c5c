# SPDX-License-Identifier: MIT
# Completion of cetl's command line by bash. Which commands and options there are says cetl itself (cetl --words); nothing but bash is needed.

# The words of a list that begin with what is typed, or file names.
_cetl_words()
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}
_cetl_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

# The ids of the newest files, from the daemon that the options name. One that does not answer costs a second, and has none.
_cetl_ids()
{
    local typed=$1 cetl=${COMP_WORDS[0]/#\~/$HOME}
    shift
    _cetl_words "$(timeout 1 "$cetl" files --limit 100 "$@" 2>/dev/null </dev/null | awk '$1 ~ /^[0-9]+$/ { print $1 }')" "$typed"
}

_cetl()
{
    local typed=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} table command= second= i where=()
    COMPREPLY=()
    table=$("${COMP_WORDS[0]/#\~/$HOME}" --words 2>/dev/null) || return

    case $before in
        --socket | -c | --config | --hash-file | -o) _cetl_files "$typed"; return ;;
        --state)
            _cetl_words 'queued waiting loading committing loaded duplicate failed unloaded unreadable' "$typed"
            return
            ;;
    esac
    for ((i = 1; i + 1 < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --socket | -c | --config) where+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]/#\~/$HOME}") ;;
        esac
    done
    if [[ $before == --before ]]; then
        _cetl_ids "$typed" "${where[@]}"
        return
    fi

    # The command: the first word that is no option; of two words where the table has it so.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --socket | -c | --config) ((i++)) ;;
            -*) ;;
            *)
                command=${COMP_WORDS[i]}
                ((i + 1 < COMP_CWORD)) && second=${COMP_WORDS[i + 1]}
                break
                ;;
        esac
    done
    if [[ -n $second ]] && grep -q "^$command $second"$'\t' <<<"$table"; then
        command+=" $second"
    fi

    if [[ -z $command && $typed == -* ]]; then
        _cetl_words '--json --socket -c --help --version' "$typed"
    elif [[ -z $command ]]; then
        _cetl_words "$(cut -f 1 <<<"$table" | cut -d ' ' -f 1 | sort -u)" "$typed"
    elif [[ $typed == -* ]]; then
        _cetl_words "$(awk -F '\t' -v c="$command" '$1 == c { gsub("=", "", $3); print $3 }' <<<"$table") --help" "$typed"
    elif awk -F '\t' -v c="$command" '$1 == c && $2 ~ /FILE/ { found = 1 } END { exit !found }' <<<"$table"; then
        _cetl_files "$typed"
    elif awk -F '\t' -v c="$command" '$1 == c && $2 ~ /^ID/ { found = 1 } END { exit !found }' <<<"$table"; then
        [[ $command == unload ]] && where+=(--state loaded)
        _cetl_ids "$typed" "${where[@]}"
    else
        _cetl_words "$(awk -F '\t' -v c="$command " 'index($1, c) == 1 { print substr($1, length(c) + 1) }' <<<"$table")" "$typed"
    fi
} && complete -F _cetl cetl
