// Channels to the machine's agent, for programs that speak gRPC themselves. Needs grpc++; the
// library in sluice.hpp does not.
//
//   auto stub = sluice::v1::Ingest::NewStub(sluice::MakeAgentChannel());
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

namespace sluice {

// The target of `socket`, the path of the agent's socket; empty: that of SLUICE_SOCKET, else the
// installed one. A relative path is taken from the current directory.
std::string AgentTarget(const std::string& socket = {});

// What a channel to the agent is to have. `:authority` is `localhost`, since a socket's path is
// none. After a broken connection it dials again in 50 ms, and at least each second, where gRPC may
// take two minutes. A call that the agent could not take is made again, up to five times, as it
// asks for: give an Emit a client_id, so that it is stored once.
grpc::ChannelArguments AgentChannelArguments();

// A channel of both.
std::shared_ptr<grpc::Channel> MakeAgentChannel(const std::string& socket = {});

}  // namespace sluice
