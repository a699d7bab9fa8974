// Random filters, spans and events: the filter and the naive model agree. 50,000 cases; with
// SLUICE_LONG set, 1,000,000. SLUICE_SEED picks another sequence.
#include "tests/support/filter/model.h"

#include <cstdlib>
#include <deque>
#include <limits>
#include <random>

#include "agent/filter/matcher.h"
#include "gtest/gtest.h"

namespace sluice::filter {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t Below(size_t n) { return engine_() % n; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  template <size_t kCount>
  std::string Of(const char* const (&choices)[kCount]) {
    return choices[Below(kCount)];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr const char* kTargets[] = {"", "a", "ab", "a::b", "b", "a.c", "a/c", "abc"};
constexpr const char* kNames[] = {"s", "job", "", "jobs"};
constexpr const char* kFields[] = {"k", "j", "z"};
constexpr const char* kTexts[] = {"bob", "xbob", "bobby", "", "7", "a\nb", "\"bob\"", "true"};

std::string RandomValue(Random* random, bool fixed) {
  static constexpr const char* kValues[] = {
      "1",     "-1", "+1",      "0",      "true", "false", "2.5", "nan", "bob",  ".*",
      "bob.*", "",   "\"bob\"", "[0-9]+", "(",    "7",     "1e0", "a=b", "1 b=2"};
  static constexpr const char* kOrdered[] = {"b|bob", "bob|b", "bo.*?", "x?b"};
  // Where the profiles read a pattern differently, std::regex agrees with one of them only.
  return !fixed && random->OneIn(4) ? random->Of(kOrdered) : random->Of(kValues);
}

std::string RandomPiece(Random* random, bool fixed) {
  static constexpr const char* kLevels[] = {"",       "=",      "=off", "=error", "=warn", "=info",
                                            "=debug", "=trace", "=2",   "=+3",    "=05",   "=bad"};
  static constexpr const char* kOdd[] = {"info",   "warn",  "OFF", "3",          "a!b",
                                         " info",  "a b=1", "[]",  "[a,b]=info", "[{k",
                                         "svc{k}", "=info", " ",   "a[j]x",      "[{}]"};
  if (random->OneIn(5)) return random->Of(kOdd);
  std::string piece = random->Of(kTargets);
  if (!random->OneIn(3)) {
    piece += "[" + (random->OneIn(2) ? random->Of(kNames) : std::string());
    const char* separator = "{";
    for (size_t fields = random->Below(3); fields > 0; --fields) {
      piece += separator + random->Of(kFields);
      if (random->OneIn(2)) piece += "=" + RandomValue(random, fixed);
      separator = ",";
    }
    piece += *separator == ',' ? "}]" : "]";
  }
  return piece + random->Of(kLevels);
}

// Replaces one character. Within a value brackets are left out, which std::regex reads differently.
void Spoil(Random* random, std::string* text) {
  const size_t at = random->Below(text->size());
  const std::string before = text->substr(0, at);
  const size_t equals = before.rfind('=');
  const bool in_value = equals != std::string::npos && before.rfind('{') < equals &&
                        before.find('}', equals) == std::string::npos;
  const std::string_view noise = in_value ? "}=, k1" : "}=, k1[]{";
  (*text)[at] = noise[random->Below(noise.size())];
}

std::string RandomFilter(Random* random, bool fixed) {
  std::string text;
  for (size_t pieces = random->Below(5); pieces > 0; --pieces) {
    text += RandomPiece(random, fixed) + (pieces > 1 ? "," : "");
  }
  if (random->OneIn(6) && !text.empty()) Spoil(random, &text);
  return text;
}

model::FieldMap RandomFields(Random* random) {
  static constexpr double kDoubles[] = {2.5, 1.0, std::numeric_limits<double>::quiet_NaN()};
  model::FieldMap fields;
  for (size_t count = random->Below(3); count > 0; --count) {
    model::FieldValue value;
    switch (random->Below(6)) {
      case 0:
        value = random->OneIn(2);
        break;
      case 1:
      case 2:
        value = static_cast<long long>(random->Below(3)) - 1;
        break;
      case 3:
        value = kDoubles[random->Below(3)];
        break;
      case 4:
        value = random->Of(kTexts);
        break;
      default:
        break;
    }
    fields[random->Of(kFields)] = value;
  }
  return fields;
}

model::SpanOnStack RandomSpan(Random* random) {
  model::SpanOnStack span{static_cast<int>(1 + random->Below(5)),
                          random->Of(kTargets),
                          random->Of(kNames),
                          RandomFields(random),
                          {}};
  while (random->OneIn(3)) span.later.push_back(RandomFields(random));
  return span;
}

model::Question RandomQuestion(Random* random) {
  model::Question question;
  for (size_t depth = random->Below(4); depth > 0; --depth) {
    question.stack.push_back(RandomSpan(random));
  }
  question.is_span = random->OneIn(3);
  question.level = static_cast<int>(1 + random->Below(5));
  question.target = random->Of(kTargets);
  if (question.is_span) question.name = random->Of(kNames);
  question.fields = RandomFields(random);
  return question;
}

// The model's fields as ours.
class FieldList {
 public:
  explicit FieldList(const model::FieldMap& map) {
    for (const auto& [name, value] : map) {
      Field field{name, {}, false};
      if (const auto* flag = std::get_if<bool>(&value)) {
        field.value.type = ValueView::Type::kBool;
        field.value.bool_value = *flag;
      } else if (const auto* integer = std::get_if<long long>(&value)) {
        field.value.type = ValueView::Type::kInt;
        field.value.int_value = *integer;
      } else if (const auto* number = std::get_if<double>(&value)) {
        field.value.type = ValueView::Type::kDouble;
        field.value.double_value = *number;
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        field.value.type = ValueView::Type::kString;
        field.value.text = *text;
      }
      fields_.push_back(field);
    }
  }
  Fields view() const { return Fields(fields_); }

 private:
  std::vector<Field> fields_;
};

bool Ask(Matcher* matcher, const model::Question& question) {
  std::deque<SpanScope> scopes;
  const SpanScope* parent = nullptr;
  for (const model::SpanOnStack& span : question.stack) {
    SpanScope& scope = scopes.emplace_back();
    const FieldList fields(span.fields);
    matcher->OpenSpan({span.target, static_cast<Level>(span.level), span.name, fields.view()},
                      parent, &scope);
    for (const model::FieldMap& later : span.later) {
      matcher->RecordFields(FieldList(later).view(), &scope);
    }
    parent = &scope;
  }
  const FieldList fields(question.fields);
  const Subject subject{question.target, static_cast<Level>(question.level), question.name,
                        fields.view()};
  SpanScope unused;
  return question.is_span ? matcher->OpenSpan(subject, parent, &unused)
                          : matcher->EventEnabled(subject, parent);
}

FilterOptions ToFilterOptions(const model::Options& options, bool lossy) {
  FilterOptions ours;
  ours.profile = options.fixed ? Profile::kFixed : Profile::kCompat;
  ours.lossy = lossy;
  ours.override_inside_spans = options.override_inside_spans;
  ours.static_off_wins = options.static_off_wins;
  ours.whole_segments = options.whole_segments;
  return ours;
}

model::Options RandomOptions(Random* random) {
  return {random->OneIn(2), random->OneIn(4), random->OneIn(4), random->OneIn(4)};
}

TEST(ModelTest, AgreesOnRandomFiltersSpansAndEvents) {
  const char* seed = std::getenv("SLUICE_SEED");
  Random random(seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10));
#ifdef NDEBUG
  constexpr size_t kCases = 1'000'000;
#else
  constexpr size_t kCases = 50'000;  // a sanitizer's share
#endif
  constexpr size_t kQuestionsPerFilter = 10;
  size_t enabled = 0;
  for (size_t done = 0; done < kCases; done += kQuestionsPerFilter) {
    const model::Options options = RandomOptions(&random);
    const bool lossy = random.OneIn(2);
    const std::string text = RandomFilter(&random, options.fixed);
    const model::Model model(text, lossy, options);
    const auto parsed = Filter::Parse(text, ToFilterOptions(options, lossy));
    const Piece* error = parsed.first_error();
    ASSERT_EQ(error == nullptr ? "" : FaultName(error->parsed.fault), model.error())
        << "\"" << text << "\" fixed " << options.fixed;
    if (parsed.filter == nullptr) continue;
    Matcher matcher(parsed.filter);
    const LevelSummary summary = parsed.filter->Summarize();
    for (size_t i = 0; i < kQuestionsPerFilter; ++i) {
      const model::Question question = RandomQuestion(&random);
      const bool answer = Ask(&matcher, question);
      ASSERT_EQ(answer, model.Enabled(question))
          << "\"" << text << "\" fixed " << options.fixed << " override "
          << options.override_inside_spans << " off wins " << options.static_off_wins
          << " segments " << options.whole_segments << " case " << done + i;
      // A hint never hides what the filter would let through.
      ASSERT_LE(answer ? question.level : 0, static_cast<int>(summary.LevelFor(question.target)))
          << "\"" << text << "\" target " << question.target;
      enabled += answer ? 1 : 0;
    }
  }
  EXPECT_GT(enabled, kCases / 20) << "the cases are too dull";
}

}  // namespace
}  // namespace sluice::filter
