#include "client/cli/emit/shell_text.h"

namespace sluice::cli {
namespace {

// `%s` is the program. A span whose start failed leaves `=` in the list, so that the end that
// belongs to it ends no other. Nothing here fails: a script under `set -e` goes on.
constexpr std::string_view kFunctions = R"(SLUICE_OUTER=
sluice_span() {
  _sluice_owner=${BASHPID:-$$}
  _sluice_lines=$(%s span start --owner "$_sluice_owner" "$@") || :
  case $_sluice_lines in
    '') SLUICE_OUTER="= ${SLUICE_OUTER-}" ;;
    *) eval "$_sluice_lines" ;;
  esac
}
sluice_end() {
  case ${SLUICE_OUTER-} in
    '') return 0 ;;
    '= '*) SLUICE_OUTER=${SLUICE_OUTER#* } ;;
    *)
      %s span end "$@" >/dev/null || :
      eval "$_sluice_leave"
      ;;
  esac
}
sluice_exit() {
  while [ -n "${SLUICE_OUTER-}" ]; do sluice_end --status "$1"; done
}
)";

constexpr std::string_view kLeave =
    R"(SLUICE_OUTER=${SLUICE_OUTER-}; TRACEPARENT=${SLUICE_OUTER%% *}; )"
    R"(SLUICE_OUTER=${SLUICE_OUTER#* }; case $TRACEPARENT in -|'') unset TRACEPARENT ;; esac)";

}  // namespace

std::string EnterSpan(const TraceContext& context, bool is_new_trace) {
  std::string lines = "SLUICE_OUTER=\"${TRACEPARENT:--} ${SLUICE_OUTER-}\"\n";
  if (is_new_trace) lines += "unset TRACESTATE\n";
  return lines + "export TRACEPARENT=" + FormatTraceparent(context) + '\n';
}

std::string LeaveSpan() { return std::string(kLeave) + '\n'; }

std::string ShellQuote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

std::string ShellFunctions(std::string_view program) {
  std::string text = "_sluice_leave=" + ShellQuote(kLeave) + '\n';
  const std::string word = ShellQuote(program);
  std::string_view rest = kFunctions;
  for (size_t at = rest.find("%s"); at != std::string_view::npos; at = rest.find("%s")) {
    text.append(rest.substr(0, at)).append(word);
    rest.remove_prefix(at + 2);
  }
  return text.append(rest);
}

std::string ExitTrap() { return "trap 'sluice_exit \"$?\"' EXIT\n"; }

}  // namespace sluice::cli
