// What the agent says of filters, as people read it.
#pragma once

#include <string>

#include "google/protobuf/repeated_field.h"
#include "sluice/v1/filter.pb.h"

namespace sluice::cli {

using FilterPieces = google::protobuf::RepeatedPtrField<v1::FilterPiece>;

// True where every piece is sound.
bool AreSound(const FilterPieces& pieces);

// A line for each piece, and below it each remark with a caret under the place that it is about.
// Where a piece is wrong, a last line says what follows.
std::string RenderPieces(const FilterPieces& pieces);

// `enabled by "svc=info" (target)`.
std::string RenderVerdict(const v1::FilterVerdict& verdict);

// A line for each sink.
std::string RenderVerdicts(const v1::ExplainResponse& response);

}  // namespace sluice::cli
