// Invariants:
// * pool_ has no database behind it. Such a pool remembers every name that it did not find, and so
//   would grow with what is asked.
// * Of OpenTelemetry's services only the names are theirs: the messages are ours, which are the
// same
//   on the wire. Theirs under their names would collide with the official ones in a process that
//   has both.

#include "agent/control/reflection.h"

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/control/reflection_field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"
#include "sluice/otlp/v1/collector.pb.h"
#include "sluice/v1/filter.pb.h"
#include "sluice/v1/ingest.pb.h"
#include "sluice/v1/pool.pb.h"
#include "sluice/v1/query.pb.h"

namespace sluice::control {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

constexpr size_t kMaxRequestBytes = 4 * 1024;
// Of one call. A client asks a few questions for each file.
constexpr int kMaxRequests = 1000;

constexpr char kHealth[] = R"(syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);
}
)";

constexpr char kReflection[] = R"(syntax = "proto3";
package grpc.reflection.VERSION;
service ServerReflection {
  rpc ServerReflectionInfo(stream ServerReflectionRequest) returns (stream ServerReflectionResponse);
}
message ServerReflectionRequest {
  string host = 1;
  oneof message_request {
    string file_by_filename = 3;
    string file_containing_symbol = 4;
    ExtensionRequest file_containing_extension = 5;
    string all_extension_numbers_of_type = 6;
    string list_services = 7;
  }
}
message ExtensionRequest { string containing_type = 1; int32 extension_number = 2; }
message ServerReflectionResponse {
  string valid_host = 1;
  ServerReflectionRequest original_request = 2;
  oneof message_response {
    FileDescriptorResponse file_descriptor_response = 4;
    ExtensionNumberResponse all_extension_numbers_response = 5;
    ListServiceResponse list_services_response = 6;
    ErrorResponse error_response = 7;
  }
}
message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
message ExtensionNumberResponse { string base_type_name = 1; repeated int32 extension_number = 2; }
message ListServiceResponse { repeated ServiceResponse service = 1; }
message ServiceResponse { string name = 1; }
message ErrorResponse { int32 error_code = 1; string error_message = 2; }
)";

constexpr char kExport[] = R"(syntax = "proto3";
package opentelemetry.proto.collector.LOWER.v1;
import "sluice/otlp/v1/collector.proto";
service SIGNALService {
  rpc Export(sluice.otlp.v1.ExportSIGNALServiceRequest)
      returns (sluice.otlp.v1.ExportSIGNALServiceResponse);
}
)";

// All files that any server of the agent serves.
class Files {
 public:
  Files() {
    for (const FileDescriptor* const file :
         {v1::EmitRequest::descriptor()->file(), v1::StatusRequest::descriptor()->file(),
          v1::DumpPoolRequest::descriptor()->file(), v1::CheckFilterRequest::descriptor()->file(),
          otlp::v1::ExportTraceServiceRequest::descriptor()->file()}) {
      Copy(file);
    }
    Add("grpc/health/v1/health.proto", kHealth);
    for (const char* version : {"v1", "v1alpha"}) {
      Add(absl::StrCat("grpc/reflection/", version, "/reflection.proto"),
          absl::StrReplaceAll(kReflection, {{"VERSION", version}}));
    }
    for (const auto& [signal, lower] :
         {std::pair("Trace", "trace"), {"Logs", "logs"}, {"Metrics", "metrics"}}) {
      Add(absl::StrCat("opentelemetry/proto/collector/", lower, "/v1/", lower, "_service.proto"),
          absl::StrReplaceAll(kExport, {{"SIGNAL", signal}, {"LOWER", lower}}));
    }
  }

  const DescriptorPool& pool() const { return pool_; }

 private:
  void Copy(const FileDescriptor* file) {
    if (pool_.FindFileByName(file->name()) != nullptr) return;
    for (int i = 0; i < file->dependency_count(); ++i) Copy(file->dependency(i));
    FileDescriptorProto copy;
    file->CopyTo(&copy);
    pool_.BuildFile(copy);
  }

  void Add(const std::string& name, std::string_view source) {
    google::protobuf::io::ArrayInputStream bytes(source.data(), static_cast<int>(source.size()));
    google::protobuf::io::Tokenizer tokens(&bytes, nullptr);
    FileDescriptorProto file;
    google::protobuf::compiler::Parser().Parse(&tokens, &file);
    file.set_name(name);
    pool_.BuildFile(file);
  }

  DescriptorPool pool_;
};

const DescriptorPool& Pool() {
  static const Files* const files = new Files;
  return files->pool();
}

// The answer without the request that it repeats.
void WriteFile(const FileDescriptor* file, StringWireWriter* writer) {
  if (file == nullptr) {
    const auto error = writer->Begin(reflection_response_field::kErrorResponse);
    writer->Varint(error_response_field::kCode, static_cast<uint64_t>(absl::StatusCode::kNotFound));
    writer->Bytes(error_response_field::kMessage, "no such file or symbol");
    return writer->End(error);
  }
  FileDescriptorProto proto;
  file->CopyTo(&proto);
  const auto response = writer->Begin(reflection_response_field::kFileDescriptorResponse);
  writer->Bytes(file_response_field::kFile, proto.SerializeAsString());
  writer->End(response);
}

void WriteServices(const net::GrpcServer& server, StringWireWriter* writer) {
  const auto response = writer->Begin(reflection_response_field::kListServicesResponse);
  for (const std::string& name : server.Services()) {
    const auto service = writer->Begin(list_response_field::kService);
    writer->Bytes(service_field::kName, name);
    writer->End(service);
  }
  writer->End(response);
}

void WriteUnimplemented(StringWireWriter* writer) {
  const auto error = writer->Begin(reflection_response_field::kErrorResponse);
  writer->Varint(error_response_field::kCode,
                 static_cast<uint64_t>(absl::StatusCode::kUnimplemented));
  writer->Bytes(error_response_field::kMessage, "the files have no extensions");
  writer->End(error);
}

// Empty: the request is malformed.
std::string AnswerTo(const net::GrpcServer& server, std::string_view request) {
  std::string answer;
  StringWireWriter writer{StringSink(&answer)};
  writer.Bytes(reflection_response_field::kOriginalRequest, request);
  const size_t begin = answer.size();
  WireReader reader(request);
  for (WireField field; reader.Next(&field);) {
    if (field.number() < reflection_request_field::kFileByFilename ||
        field.type() != WireType::kBytes)
      continue;
    answer.resize(begin);  // of a oneof the last one counts
    const std::string name(field.bytes);
    switch (field.number()) {
      case reflection_request_field::kFileByFilename:
        WriteFile(Pool().FindFileByName(name), &writer);
        break;
      case reflection_request_field::kFileContainingSymbol:
        WriteFile(Pool().FindFileContainingSymbol(name), &writer);
        break;
      case reflection_request_field::kListServices:
        WriteServices(server, &writer);
        break;
      default:
        WriteUnimplemented(&writer);
        break;
    }
  }
  return reader.ok() && answer.size() > begin ? answer : std::string();
}

class ReflectionHandler final : public net::CallHandler {
 public:
  ReflectionHandler(const net::GrpcServer* server, net::Call* call)
      : server_(server), call_(call) {}

  void OnMessage(std::string_view message) override {
    if (++requests_ > kMaxRequests) {
      return call_->Finish(absl::ResourceExhaustedError("too many questions in one call"));
    }
    const std::string answer = AnswerTo(*server_, message);
    if (answer.empty()) return call_->Finish(absl::InvalidArgumentError("not a question"));
    call_->Send(answer);
  }
  void OnHalfClose() override { call_->Finish(absl::OkStatus()); }

 private:
  const net::GrpcServer* const server_;
  net::Call* const call_;
  int requests_ = 0;
};

}  // namespace

void AddReflectionRoutes(net::GrpcServer* server) {
  for (const char* version : {"v1", "v1alpha"}) {
    server->AddRoute(
        absl::StrCat("/grpc.reflection.", version, ".ServerReflection/ServerReflectionInfo"),
        {.factory =
             [server](net::Call& call) {
               return std::make_unique<ReflectionHandler>(server, &call);
             },
         .max_message_bytes = kMaxRequestBytes});
  }
}

}  // namespace sluice::control
