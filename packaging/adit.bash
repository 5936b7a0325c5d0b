# SPDX-License-Identifier: Apache-2.0
# bash completion for adit. The long options are what the program itself lists, asked once in a shell.

_adit_options()
{
    [[ -n ${_adit_option_list-} ]] ||
        _adit_option_list=$("$1" --help 2>/dev/null | grep -oE -- '(^|[ ,|[])--[a-z0-9][a-z0-9-]*' | grep -oE -- '--.*' |
            sort -u)
    mapfile -t COMPREPLY < <(compgen -W "$_adit_option_list" -- "$2")
}

_adit_paths()
{
    compopt -o filenames 2>/dev/null # fails harmlessly outside a completion
    if [[ $1 == dir ]]; then
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
    else
        mapfile -t COMPREPLY < <(compgen -f -X '!*.@(conf|ovpn)' -- "$2"; compgen -d -- "$2")
    fi
}

_adit()
{
    local program=$1 cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
    local verbs='setup profile server connect check'
    COMPREPLY=()

    if [[ $cur == -* ]]; then
        _adit_options "$program" "$cur"
        return
    fi
    if ((COMP_CWORD == 1)); then
        _adit_paths file "$cur"
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$verbs" -- "$cur")
        return
    fi
    case $verb:$COMP_CWORD in
    profile:2)
        mapfile -t COMPREPLY < <(compgen -W 'add list show renew revoke' -- "$cur")
        ;;
    profile:3 | setup:2 | server:2)
        _adit_paths dir "$cur"
        ;;
    connect:2 | check:2)
        _adit_paths file "$cur"
        ;;
    --*)
        case $prev in
        --config) _adit_paths file "$cur" ;;
        --cd | --chroot | --ccd | --client-config-dir | --capath) _adit_paths dir "$cur" ;;
        *)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            ;;
        esac
        ;;
    esac
}

shopt -s extglob
complete -F _adit adit
