/* A span with an event. */
#include <sluice/sluice.h>

int main(void) {
  sluice_span span = sluice_span_start(sluice_str("greet"), NULL);
  sluice_attribute letters = {.key = sluice_str("letters"), .type = SLUICE_INT, .value.integer = 5};
  sluice_event(sluice_str("said hello"), NULL);
  sluice_span_set_attributes(span, &letters, 1);
  sluice_span_set_status(span, SLUICE_OK, sluice_str(""));
  sluice_span_end(span);
}
