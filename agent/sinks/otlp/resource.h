// The Resource under which a process's records are exported: what it said of itself, and what the
// kernel and this host say.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/identity/identity.h"

namespace sluice::otlp {

// What goes for all processes of this host; empty values are left out.
struct HostResource {
  std::string name;
  std::string id;
  // Further attributes, where a process does not say otherwise.
  std::vector<std::pair<std::string, std::string>> attributes;
};

// The name of this host and what is best known as its id: `vm_id` unless that is all zeros, else
// /etc/machine-id.
HostResource ReadHostResource(std::string_view vm_id);

// An encoded Resource: the encoded one of the process as it is; its identity as `sluice.uid`,
// `.gid`, `.pid`, `.unit` and `.comm`; then, where the process says nothing of them, `container.id`
// as its unit names it, what `host` says, and `service.name`, which is then `unknown_service:COMM`.
std::string MergeResource(std::string_view of_process, const Identity& identity,
                          const HostResource& host);

}  // namespace sluice::otlp
