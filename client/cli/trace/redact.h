// Takes out of what is shown what may be nobody's business elsewhere.
#pragma once

#include <string>

#include "sluice/v1/query.pb.h"

namespace sluice::cli {

// Leaves names, times, numbers, who sent what and its service; texts and bytes of attributes,
// messages of events and reasons of failures become `***`.
void Redact(v1::StoredRecord* stored);

// `text` without what stands between `://` and `@` in addresses: a user, and often a password.
std::string WithoutUserInfo(std::string text);

}  // namespace sluice::cli
