#include "agent/config/agent_config.h"

namespace sluice::config {

const char kDefaultKvpFilter[] =
    "WARN,azure_init=INFO,libazureinit=INFO,libazureinit::config::success,"
    "libazureinit::http::received,libazureinit::http::success,libazureinit::ssh::authorized_keys,"
    "libazureinit::ssh::success,libazureinit::user::add,libazureinit::status::success,"
    "libazureinit::status::retrieved_vm_id,libazureinit::health::status,"
    "libazureinit::health::report,libazureinit::password::status";

}  // namespace sluice::config
