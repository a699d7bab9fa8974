// A span with an event and a late attribute.
#include <sluice/sluice.hpp>

int main() {
  sluice::Init({.service_name = "hello", .service_version = "1.0"});
  sluice::Span span("greet", {{"user", "azureuser"}, {"attempt", 1}});
  span.AddEvent("said hello");
  span.SetAttribute("letters", 5);
  span.Succeed();
}
