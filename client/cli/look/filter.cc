#include "client/cli/look/filter.h"

#include <CLI/App.hpp>
#include <array>

#include "client/cli/agent/agent_view.h"
#include "client/cli/agent/emit.h"
#include "client/cli/agent/request.h"
#include "client/cli/emit/attribute.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/record_encoder.h"
#include "client/cli/render/filter.h"
#include "client/cli/render/message_json.h"
#include "client/cli/verb.h"
#include "proto/wire/utf8.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kFilterTimeout{5'000};

// Where none runs, as while an image is built, an agent of our own answers.
Result<AgentView> OpenForFilter(const GlobalOptions& options) {
  const auto timeout = options.timeout.value_or(kFilterTimeout);
  Result<AgentView> running = AgentView::Open(options, timeout);
  const bool is_absent = !running.ok() && running.failure().code == kExitNoAgent;
  if (is_absent && !NamesAgent(options)) return AgentView::OpenForFilters(timeout);
  return running;
}

CLI::Option* AddFilter(CLI::App& app, std::string* filter) {
  return app.add_option("FILTER", *filter, "Directives, as in SLUICE_LOG")
      ->required()
      ->check([](const std::string& text) {
        return IsValidUtf8(text) ? std::string() : "the filter is not UTF-8";
      });
}

int CheckFilterVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Says of each piece of a filter how it is understood, or what is wrong with it.",
               "sluice filter check");
  std::string filter;
  AddGlobalOptions(app, &options);
  AddFilter(app, &filter);
  app.footer(
      "The running agent answers, by its [filter] settings.\n"
      "Exit code 1: a piece is wrong, and the agent would not use the filter.\n"
      "Example:\n  sluice filter check 'info,svc::db=debug,[job{id=4}]=trace'");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<AgentView> agent = OpenForFilter(options);
  if (!agent.ok()) return Fail(agent.failure());
  const Result<v1::CheckFilterResponse> response = agent->CheckFilter(filter);
  if (!response.ok()) return Fail(response.failure());
  const int printed =
      Print(options.json ? MessageJson(*response) : RenderPieces(response->pieces()));
  if (printed != kExitOk) return printed;
  return AreSound(response->pieces()) ? kExitOk : kExitNegative;
}

// A span or event as it stands on the command line.
struct Described {
  std::string name;
  std::string target;
  std::vector<std::string> fields;
};

// What `explain` is about: the record, and the spans around it, outermost first.
struct Question {
  std::string filter;
  std::string level = "info";
  bool is_span = false;
  Described record;
  std::vector<Described> spans;

  // What a --field or --span-target behind the last --span is about.
  Described& last() { return spans.empty() ? record : spans.back(); }
};

void AddRecordOptions(CLI::App& app, Question* question) {
  app.add_option("--target", question->record.target, "Its target")->type_name("T");
  app.add_option("--level", question->level, "error, warn, info, debug or trace")
      ->type_name("L")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return ParseLevel(text)
                   ? std::string()
                   : "unknown level '" + text + "'; use error, warn, info, debug or trace";
      });
  app.add_option_function<std::string>(
         "--name",
         [question](const std::string& name) {
           question->is_span = true;
           question->record.name = name;
         },
         "Judge a span of this name, not an event")
      ->type_name("NAME");
}

// Their order tells what belongs to what, so each is taken as it is met.
void AddOrderedOptions(CLI::App& app, Question* question) {
  const auto add = [&](const char* flag, const char* type, const char* help, auto take) {
    app.add_option_function<std::string>(flag, take, help)
        ->type_name(type)
        ->trigger_on_parse()
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  };
  add("--span", "NAME", "A span around it, outermost first; repeatable",
      [question](const std::string& name) { question->spans.push_back({.name = name}); });
  add("--span-target", "T", "Target of the --span before it; default: the one of --target",
      [question](const std::string& target) {
        if (question->spans.empty()) {
          throw CLI::ValidationError("--span-target", "comes behind a --span");
        }
        question->spans.back().target = target;
      });
  add("--field", "K=V", "A field of the --span before it, else of the record; K:int=5. Repeatable",
      [question](const std::string& field) { question->last().fields.push_back(field); });
}

Result<v1::Record> MakeSpan(const Described& described, Level level) {
  Result<std::vector<Attribute>> fields = ParseAttributes("--field", described.fields);
  if (!fields.ok()) return fields.failure();
  return RecordMessage(EncodeSpanStart({.level = level,
                                        .target = described.target,
                                        .name = described.name,
                                        .start_unix_nano = UnixNow(),
                                        .trace_id = NewTraceId(),
                                        .span_id = NewSpanId(),
                                        .attributes = std::move(*fields)}));
}

Result<v1::Record> MakeEvent(const Described& described, Level level) {
  Result<std::vector<Attribute>> fields = ParseAttributes("--field", described.fields);
  if (!fields.ok()) return fields.failure();
  return RecordMessage(EncodeEvent({.level = level,
                                    .target = described.target,
                                    .time_unix_nano = UnixNow(),
                                    .attributes = std::move(*fields)}));
}

Result<v1::ExplainRequest> MakeExplainRequest(const Question& question) {
  v1::ExplainRequest request;
  request.set_filter(question.filter);
  const Level level = *ParseLevel(question.level);
  Result<v1::Record> record =
      question.is_span ? MakeSpan(question.record, level) : MakeEvent(question.record, level);
  if (!record.ok()) return record.failure();
  *request.mutable_record() = std::move(*record);
  for (Described span : question.spans) {
    if (span.target.empty()) span.target = question.record.target;
    // Its own level plays no part: what does not pass itself opens its scope all the same.
    Result<v1::Record> enclosing = MakeSpan(span, Level::kError);
    if (!enclosing.ok()) return enclosing.failure();
    *request.add_enclosing() = std::move(*enclosing);
  }
  return request;
}

int ExplainVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Says whether a filter lets a record through, and which directive decides.",
               "sluice filter explain");
  Question question;
  AddGlobalOptions(app, &options);
  AddFilter(app, &question.filter);
  AddRecordOptions(app, &question);
  AddOrderedOptions(app, &question);
  app.footer(
      "Nothing is emitted; the running agent answers, by its [filter] settings. What the filters\n"
      "in force make of an event: 'sluice event --explain'. Exit code 1: not let through.\n"
      "Example:\n"
      "  sluice filter explain 'info,[job{id=4}]=debug' --target svc --level debug \\\n"
      "    --span job --field id:int=4");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<v1::ExplainRequest> request = MakeExplainRequest(question);
  if (!request.ok()) return Fail(request.failure());
  Result<AgentView> agent = OpenForFilter(options);
  if (!agent.ok()) return Fail(agent.failure());
  const Result<v1::ExplainResponse> response = agent->Explain(*request);
  if (!response.ok()) return Fail(response.failure());
  if (response->verdicts().empty()) {
    return Fail({kExitUsage, "the filter is wrong; 'sluice filter check' shows where"});
  }
  const v1::FilterVerdict& verdict = response->verdicts(0);
  const int printed = Print(options.json ? MessageJson(verdict) : RenderVerdict(verdict));
  if (printed != kExitOk) return printed;
  return verdict.enabled() ? kExitOk : kExitNegative;
}

constexpr std::array kFilterVerbs = {
    Verb{"check", "Say of each piece how it is understood or what is wrong", CheckFilterVerb},
    Verb{"explain", "Say whether a record is let through, and what decides", ExplainVerb},
};

}  // namespace

int FilterVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const VerbGroup filter{.name = "sluice filter",
                         .description = "Checks a filter, and shows what it lets through.",
                         .verbs = kFilterVerbs,
                         .footer = "Example:\n  sluice filter check 'warn,svc=debug'\n",
                         .version = {}};
  return Dispatch(filter, std::move(options), std::move(arguments));
}

}  // namespace sluice::cli
