// Tells the service manager how the agent is, by systemd's sd_notify protocol: datagrams of
// `KEY=value` lines to the socket named in NOTIFY_SOCKET. Without that variable nothing is sent.
#pragma once

#include "absl/strings/string_view.h"

namespace sluice::app {

// Failures are ignored: there is nobody else to tell.
void Notify(absl::string_view lines);

inline void NotifyReady() { Notify("READY=1"); }
inline void NotifyStopping() { Notify("STOPPING=1"); }
// RELOADING=1 with the time it began, as Type=notify-reload wants it; NotifyReady ends it.
void NotifyReloading();
// One line for people, shown by `systemctl status`.
void NotifyStatus(absl::string_view text);

}  // namespace sluice::app
