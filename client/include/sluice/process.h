/* What concerns the process as a whole: options, flush, counters. See sluice.h. */
#ifndef SLUICE_PROCESS_H_
#define SLUICE_PROCESS_H_

#include "sluice/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_options {
  size_t size;
  sluice_text service_name; /* default: OTEL_SERVICE_NAME, else the program's file name */
  sluice_text service_version;
  sluice_text socket_path;   /* default: SLUICE_SOCKET, else /run/sluice/sluice.sock */
  size_t ring_bytes;         /* records not yet acknowledged; default 4 MiB, 256 KiB to 1 GiB */
  uint32_t send_interval_ms; /* an open span older than this is made known; default 100 */
  const sluice_attribute* resource; /* wins over OTEL_RESOURCE_ATTRIBUTES, service_name over it */
  size_t resource_count;
  sluice_text baggage_keys; /* see sluice.h; default: SLUICE_BAGGAGE_KEYS, else none */
  /* Draws ids; the library's own generator where NULL. `trace_id` NULL: a span id alone. Called
   * from any thread, and must neither throw nor call the library. Zero bytes are replaced. */
  void (*make_ids)(void* user, uint8_t trace_id[16], uint8_t span_id[8]);
  void* make_ids_user;
} sluice_options;

/* Optional, and only before the first use: -1 when it comes too late, and then does nothing. */
SLUICE_API int sluice_init(const sluice_options* options) SLUICE_NOEXCEPT;

/* Waits until the agent has everything emitted so far in its journal, at most `timeout_ms`. 0, or
 * -1 when time ran out. */
SLUICE_API int sluice_flush(uint32_t timeout_ms) SLUICE_NOEXCEPT;

/* Called once for each sink that has not passed everything. */
typedef void (*sluice_laggard)(void* user, sluice_text sink, sluice_text why);
/* Likewise, and until the agent's sinks have written it: `otlp`, `kvp`, `file`, `stderr`, or by
 * name as `otlp.NAME`. `count` 0: the sinks that `sluice flush` takes. `told` may be NULL; it is
 * called before the return. 0: all have; 1: not all; -1: no answer in time. */
SLUICE_API int sluice_flush_sinks(const sluice_text* sinks, size_t count, uint32_t timeout_ms,
                                  sluice_laggard told, void* user) SLUICE_NOEXCEPT;

/* Has `changed` called whenever sluice_enabled may answer otherwise than before: for who keeps its
 * answers. By the background thread, with no lock held; it must not wait, nor throw. One in the
 * process, the last; NULL: none. */
SLUICE_API void sluice_on_wanted_change(void (*changed)(void* user), void* user) SLUICE_NOEXCEPT;

/* Since the process began, or since fork in a child. Records are span starts, updates, ends, whole
 * spans and events. */
typedef struct sluice_stats {
  size_t size;
  uint64_t emitted;            /* records taken into the ring */
  uint64_t sent;               /* records handed to the socket, those sent again included */
  uint64_t acked;              /* records the agent has taken or named as dropped */
  uint64_t suppressed;         /* spans and events that nobody wants */
  uint64_t dropped_ring_full;  /* records */
  uint64_t dropped_span_limit; /* spans started while 10,000 were open */
  uint64_t dropped_too_large;  /* records over 64 KiB */
  uint64_t dropped_by_agent;   /* records the agent took and dropped */
  uint64_t wakes;              /* times a caller woke the background thread */
  uint64_t connects;           /* times the agent answered a new connection */
  int is_connected;
} sluice_stats;

/* Fills as much of `*stats` as its `size` says. */
SLUICE_API void sluice_read_stats(sluice_stats* stats) SLUICE_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_PROCESS_H_ */
