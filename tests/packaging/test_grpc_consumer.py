"""A client and a server of another project, which speak gRPC themselves, build from the installed tree.
Each of their RPCs is one trace over both processes, and their stubs reach the agent."""

import os
import subprocess

import pytest
from harness import DEADLINE_S, NOBODY, run, wait_until

SERVICE = """
syntax = "proto3";
package shop;
message Order { string item = 1; }
message Receipt { string traceparent = 1; }
service Shop { rpc Buy(Order) returns (Receipt); }
"""
SERVER = """
#include <grpcpp/grpcpp.h>
#include <sluice/grpc/spans.h>
#include <sluice/sluice.hpp>
#include <csignal>
#include "shop.grpc.pb.h"

class Shop : public shop::Shop::Service {
  grpc::Status Buy(grpc::ServerContext* context, const shop::Order* order,
                   shop::Receipt* receipt) override {
    const sluice::ContextScope scope(sluice::RpcContext(*context));
    sluice::Span span("pack", {{"item", order->item()}});
    if (order->item() == "moon") return {grpc::StatusCode::INTERNAL, "cannot be packed"};
    receipt->set_traceparent(span.context().InjectTraceparent().c_str());
    return grpc::Status::OK;
  }
};

int main(int, char** argv) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  Shop service;
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
  creators.push_back(sluice::MakeServerSpans({.target = "shop"}));
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("unix:") + argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  builder.experimental().SetInterceptorCreators(std::move(creators));
  auto server = builder.BuildAndStart();
  int signal;
  sigwait(&stop, &signal);
  server->Shutdown();
}
"""
CLIENT = """
#include <grpcpp/grpcpp.h>
#include <sluice/grpc/channel.h>
#include <sluice/grpc/spans.h>
#include <sluice/sluice.hpp>
#include <sluice/v1/ingest.grpc.pb.h>
#include <cstdio>
#include "shop.grpc.pb.h"

int main(int, char** argv) {
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> creators;
  creators.push_back(sluice::MakeClientSpans({.target = "buyer"}));
  auto shop = shop::Shop::NewStub(grpc::experimental::CreateCustomChannelWithInterceptors(
      std::string("unix:") + argv[1], grpc::InsecureChannelCredentials(), {}, std::move(creators)));
  {
    sluice::Span span("errand");
    for (const char* item : {"bread", "moon"}) {
      shop::Order order;
      order.set_item(item);
      shop::Receipt receipt;
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      const grpc::Status status = shop->Buy(&context, order, &receipt);
      std::printf("%d %s\\n", status.error_code(), receipt.traceparent().c_str());
    }
  }
  auto agent = sluice::v1::Ingest::NewStub(sluice::MakeAgentChannel());
  sluice::v1::EmitRequest request;
  auto* event = request.mutable_batch()->add_records()->mutable_event();
  event->mutable_body()->set_string_value("by stub");
  sluice::v1::EmitResponse response;
  grpc::ClientContext context;
  const grpc::Status status = agent->Emit(&context, request, &response);
  std::printf("%d %d\\n", status.error_code(), static_cast<int>(response.accepted()));
}
"""
CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(shop CXX)
find_package(sluice REQUIRED COMPONENTS grpc)
add_library(shop STATIC shop.proto)
target_link_libraries(shop PUBLIC gRPC::grpc++)
target_include_directories(shop PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
protobuf_generate(TARGET shop LANGUAGE cpp)
protobuf_generate(TARGET shop LANGUAGE grpc GENERATE_EXTENSIONS .grpc.pb.h .grpc.pb.cc
                  PLUGIN "protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>")
foreach(program client server)
  add_executable(${program} ${program}.cc)
  target_link_libraries(${program} shop sluice::grpc)
endforeach()
"""
FILES = {"shop.proto": SERVICE, "server.cc": SERVER, "client.cc": CLIENT, "CMakeLists.txt": CMAKE}


def build(command, folder, prefix):
    [pc] = prefix.glob("lib/**/sluice.pc")
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}
    done = subprocess.run([str(word) for word in command], cwd=folder, env=env,
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", name="shop")
def shop_fixture(prefix, shared, tmp_path_factory):
    """Where both programs lie, with the library that they need, for any uid."""
    folder = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    build(["cmake", "-S", ".", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}"],
          folder, prefix)
    build(["cmake", "--build", "build", "-j2"], folder, prefix)
    for name in ("client", "server"):
        shared.copy(folder / "build" / name)
    [library] = prefix.glob("lib/**/libsluice.so.1")
    shared.copy(library)
    return shared.folder


@pytest.fixture(name="served")
def served_fixture(agent, shop):
    env = {"SLUICE_SOCKET": str(agent.socket), "LD_LIBRARY_PATH": str(shop)}
    socket = agent.folder / "shop"
    with subprocess.Popen([shop / "server", socket], env=env) as server:
        wait_until(socket.exists, "the server listens")
        socket.chmod(0o666)
        done = run([shop / "client", socket], uid=NOBODY, env=env)
        server.terminate()
        server.wait(DEADLINE_S)
    return done.stdout.splitlines()


def test_both_processes_are_one_trace(agent, served):
    import telemetry
    told = served[0].split()[1]
    assert [line.split()[0] for line in served] == ["0", "13", "0"]
    whole, owner = {}, {}
    for one in telemetry.stored(agent):
        span = one.record.span
        if span.span_id:
            whole.setdefault(span.span_id, type(span)()).MergeFrom(span)
            owner[span.span_id] = one.identity.uid
    assert {span.trace_id.hex() for span in whole.values()} == {told.split("-")[1]}
    by_name = {}
    for span in sorted(whole.values(), key=lambda span: span.start_time_unix_nano):
        by_name.setdefault(span.name, []).append(span)
    [errand] = by_name["errand"]
    calls = [span for span in by_name["shop.Shop/Buy"] if span.kind == 3]
    served_calls = [span for span in by_name["shop.Shop/Buy"] if span.kind == 2]
    assert [span.parent_span_id for span in calls] == 2 * [errand.span_id]
    assert [span.parent_span_id for span in served_calls] == [span.span_id for span in calls]
    assert [span.parent_span_id for span in by_name["pack"]] == \
        [span.span_id for span in served_calls]
    assert by_name["pack"][0].span_id.hex() == told.split("-")[2]
    assert [span.status.code for span in (*calls, *served_calls)] == [0, 2, 0, 2]
    assert {owner[span.span_id] for span in (errand, *calls)} == {NOBODY}
    assert {owner[span.span_id] for span in (*served_calls, *by_name["pack"])} == {0}


def test_stubs_reach_the_agent(agent, served):
    assert served[-1] == "0 1"
    agent.flush()
    assert "by stub" in agent.log()


def test_by_pkg_config(prefix, tmp_path):
    (tmp_path / "program.cc").write_text("""
        #include <sluice/grpc/channel.h>
        #include <sluice/grpc/spans.h>
        int main() {
          return sluice::MakeAgentChannel() == nullptr || sluice::MakeServerSpans() == nullptr;
        }""")
    told = build(["pkg-config", "--cflags", "--libs", "sluice-grpc"], tmp_path, prefix).split()
    build(["g++", "-std=c++20", "program.cc", *told, "-o", "program"], tmp_path, prefix)


def test_the_library_itself_knows_nothing_of_grpc(prefix):
    [library] = prefix.glob("lib/**/libsluice.so.1")
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True,
                            check=True).stdout
    assert "grpc" not in needed and "protobuf" not in needed
