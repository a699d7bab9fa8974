# bash completion for sluice
_sluice() {
  local helper=${SLUICE_COMPLETE:-/usr/share/sluice/complete} candidates
  [[ -x $helper ]] || return
  # Of a flag that takes a file, a file.
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --dir | --file | --socket | --admin-socket | --config)
      mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
      return
      ;;
  esac
  candidates=$("$helper" "${COMP_WORDS[@]:1:COMP_CWORD}" | cut -f 1)
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _sluice sluice
