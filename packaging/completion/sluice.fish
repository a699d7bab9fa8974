# fish completion for sluice
function __sluice_complete
    set -l helper /usr/share/sluice/complete
    set -q SLUICE_COMPLETE; and set helper $SLUICE_COMPLETE
    set -l words (commandline -opc) (commandline -ct)
    $helper $words[2..-1]
end
complete -c sluice -f -a '(__sluice_complete)'
