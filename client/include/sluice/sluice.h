/* Spans and events from this process to the machine's telemetry agent.
 *
 *   sluice_span span = sluice_span_start(sluice_str("provision.user"), NULL);
 *   ...
 *   sluice_span_end(span);
 *
 * Nothing needs to be set up: the first use starts one background thread, which does all talking.
 *
 * Conventions
 * - Any function may be called from any thread at any time, except from a signal handler.
 * - No function waits, but sluice_flush, and none fails for the caller: what cannot be kept is
 *   dropped and counted (sluice_read_stats). errno is left alone, nothing is thrown.
 * - A text is a pointer and a length, UTF-8, copied before the call returns.
 * - A struct that begins with `size` is filled with zeros but for `size`, its sizeof. Zero means
 * the default, a NULL pointer to the struct means all defaults. It may grow in later versions.
 * - A handle is a value, 0 is none; a call on none, or on a span that has ended, does nothing.
 * - After fork the child has no spans and nothing to send; it starts anew at its first use, and its
 *   new spans are children of the span that was current.
 * - Returning from main and exit(3) hand over what is left, at most 250 ms long. _exit(2) and
 * deadly signals do not: call sluice_flush before. Spans still open then are closed as aborted.
 */
#ifndef SLUICE_SLUICE_H_
#define SLUICE_SLUICE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SLUICE_NOEXCEPT noexcept
extern "C" {
#else
#define SLUICE_NOEXCEPT
#endif
#define SLUICE_API __attribute__((visibility("default")))

typedef struct sluice_text {
  const char* data;
  size_t size;
} sluice_text;

static inline sluice_text sluice_str(const char* text) SLUICE_NOEXCEPT {
  sluice_text result = {text, text ? __builtin_strlen(text) : 0};
  return result;
}

/* Most severe first. In options, 0 means SLUICE_INFO. */
typedef enum sluice_level {
  SLUICE_ERROR = 1,
  SLUICE_WARN,
  SLUICE_INFO,
  SLUICE_DEBUG,
  SLUICE_TRACE
} sluice_level;

typedef enum sluice_type {
  SLUICE_STRING = 0,
  SLUICE_BARE = 1, /* a string that log lines print without quotes */
  SLUICE_BOOL = 2,
  SLUICE_INT = 3,
  SLUICE_DOUBLE = 4,
  SLUICE_BYTES = 5,
  SLUICE_ARRAY = 6, /* of the items' values; their keys do not count */
  SLUICE_MAP = 7
} sluice_type;

/* `value` holds what `type` says. At most 128 on one span or event; lists nest at most 8 deep. */
typedef struct sluice_attribute {
  sluice_text key;
  sluice_type type;
  union {
    sluice_text text; /* SLUICE_STRING, SLUICE_BARE, SLUICE_BYTES */
    int boolean;
    int64_t integer;
    double number;
    struct {
      const struct sluice_attribute* items;
      size_t count;
    } list; /* SLUICE_ARRAY, SLUICE_MAP */
  } value;
} sluice_attribute;

/* Where in which trace a piece of work belongs. A plain value: copy it, keep it, hand it to another
 * thread. All zero: outside any span. */
typedef struct sluice_context {
  uint8_t trace_id[16];
  uint8_t span_id[8];
  uint64_t span; /* the handle, where the span is of this process */
  uint32_t trace_state;
  uint8_t trace_flags; /* W3C */
  uint8_t is_remote;
  uint8_t reserved[10];
} sluice_context;

/* The context of the calling thread: that of its innermost current span, else what was attached,
 * else that of the environment (TRACEPARENT, TRACESTATE) at first use. */
SLUICE_API sluice_context sluice_context_current(void) SLUICE_NOEXCEPT;
/* Makes `context` the calling thread's and returns the one before, which the caller attaches again
 * when done. For coroutines and thread pools. NULL: none. */
SLUICE_API sluice_context sluice_context_attach(const sluice_context* context) SLUICE_NOEXCEPT;

/* From W3C header texts; `tracestate` may be empty. 0, or -1 where `traceparent` is malformed. */
SLUICE_API int sluice_context_extract(sluice_text traceparent, sluice_text tracestate,
                                      sluice_context* context) SLUICE_NOEXCEPT;
/* Writes `traceparent` and a NUL. 0, or -1 where there is nothing to say. */
#define SLUICE_TRACEPARENT_SIZE 56
SLUICE_API int sluice_context_traceparent(const sluice_context* context,
                                          char text[SLUICE_TRACEPARENT_SIZE]) SLUICE_NOEXCEPT;
/* `tracestate`; valid as long as the process lives. */
SLUICE_API sluice_text sluice_context_tracestate(const sluice_context* context) SLUICE_NOEXCEPT;

typedef uint64_t sluice_span;

/* As in OpenTelemetry; 0 means internal. */
typedef enum sluice_span_kind {
  SLUICE_INTERNAL = 1,
  SLUICE_SERVER,
  SLUICE_CLIENT,
  SLUICE_PRODUCER,
  SLUICE_CONSUMER
} sluice_span_kind;

typedef struct sluice_span_options {
  size_t size;
  sluice_text target; /* the module that speaks, e.g. "app::db"; filters match prefixes */
  sluice_level level;
  sluice_span_kind kind;
  const sluice_context* parent; /* NULL: the thread's current context; all zero: a new trace */
  int is_detached;              /* nonzero: it does not become the thread's current span */
  const sluice_attribute* attributes;
  size_t attribute_count;
} sluice_span_options;

/* Starts a span. Unless detached it is the thread's current span until its end. 0 where nobody
 * wants such a span, or where 10,000 are open: what is below it belongs to its parent. */
SLUICE_API sluice_span sluice_span_start(sluice_text name,
                                         const sluice_span_options* options) SLUICE_NOEXCEPT;
/* Adds attributes. A key set twice has its last value. */
SLUICE_API void sluice_span_set_attributes(sluice_span span, const sluice_attribute* attributes,
                                           size_t count) SLUICE_NOEXCEPT;

typedef enum sluice_status { SLUICE_UNSET = 0, SLUICE_OK = 1, SLUICE_FAILED = 2 } sluice_status;
/* The last one counts. `message` says why it failed. */
SLUICE_API void sluice_span_set_status(sluice_span span, sluice_status status,
                                       sluice_text message) SLUICE_NOEXCEPT;
/* Ends it, from any thread. Where it is current on the calling thread, the one before is again. */
SLUICE_API void sluice_span_end(sluice_span span) SLUICE_NOEXCEPT;
/* Its context; all zero for none. */
SLUICE_API sluice_context sluice_span_context(sluice_span span) SLUICE_NOEXCEPT;

typedef struct sluice_event_options {
  size_t size;
  sluice_text target;
  sluice_level level;
  const sluice_context* context; /* NULL: the thread's current context */
  const sluice_attribute* attributes;
  size_t attribute_count;
} sluice_event_options;

/* Something that happens now, in a span or outside any. A message of no data (NULL) makes an event
 * that is its attributes alone; an attribute `message` is its message then, of any type and in its
 * place, as in Rust's tracing. An event with the attribute `health_report`, the report to the host,
 * is sent whatever anybody wants. */
SLUICE_API void sluice_event(sluice_text message,
                             const sluice_event_options* options) SLUICE_NOEXCEPT;
/* In a span, with that span's target where options name none. Without such a span, as above. */
SLUICE_API void sluice_span_event(sluice_span span, sluice_text message,
                                  const sluice_event_options* options) SLUICE_NOEXCEPT;

/* The most verbose level that anybody wants of any target; 0: none. Read it atomically. */
extern SLUICE_API int sluice_widest_level;

/* Whether such spans and events are wanted now. May change at any time. */
SLUICE_API int sluice_enabled(sluice_level level, sluice_text target) SLUICE_NOEXCEPT;

typedef struct sluice_options {
  size_t size;
  sluice_text service_name; /* default: OTEL_SERVICE_NAME, else the program's file name */
  sluice_text service_version;
  sluice_text socket_path;   /* default: SLUICE_SOCKET, else /run/sluice/sluice.sock */
  size_t ring_bytes;         /* records not yet acknowledged; default 4 MiB, 256 KiB to 1 GiB */
  uint32_t send_interval_ms; /* an open span older than this is made known; default 100 */
} sluice_options;

/* Optional, and only before the first use: -1 when it comes too late, and then does nothing. */
SLUICE_API int sluice_init(const sluice_options* options) SLUICE_NOEXCEPT;

/* Waits until the agent has everything emitted so far in its journal, at most `timeout_ms`. 0, or
 * -1 when time ran out. */
SLUICE_API int sluice_flush(uint32_t timeout_ms) SLUICE_NOEXCEPT;

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

#endif /* SLUICE_SLUICE_H_ */
