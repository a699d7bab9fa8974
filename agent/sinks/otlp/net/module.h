// The one symbol of the module sluice-otlp.so. The version is part of its name, so that a module of
// another version is not called.
#pragma once

#include <memory>
#include <string>

#include "agent/sinks/otlp/net/destination.h"

#define SLUICE_OTLP_JOIN(name, version) name##version
#define SLUICE_OTLP_JOIN_VALUE(name, version) SLUICE_OTLP_JOIN(name, version)
// SLUICE_OTLP_VERSION comes from the build: 0_1_0.
#define SLUICE_OTLP_MODULE_FUNCTION \
  SLUICE_OTLP_JOIN_VALUE(sluice_otlp_make_transport_, SLUICE_OTLP_VERSION)

// `*transport` stays null: none can be made from this, as `*error` says for people.
extern "C" [[gnu::visibility("default")]] void SLUICE_OTLP_MODULE_FUNCTION(
    const sluice::otlp::Destination& destination,
    std::unique_ptr<sluice::otlp::Transport>* transport, std::string* error);
