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

#include "sluice/baggage.h"
#include "sluice/process.h"
#include "sluice/types.h"

#ifdef __cplusplus
extern "C" {
#endif

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

/* Where something stands in a program. Becomes the attributes code.file.path, code.line.number and
 * code.function.name. */
typedef struct sluice_source {
  sluice_text file, function;
  uint32_t line;
} sluice_source;

/* Another span that has to do with this one, e.g. of what was batched. */
typedef struct sluice_link {
  sluice_context context;
  const sluice_attribute* attributes;
  size_t attribute_count;
} sluice_link;

/* Why there is a span, or none. */
typedef enum sluice_start {
  SLUICE_STARTED = 0,
  SLUICE_UNWANTED, /* nobody wants it: what is below belongs to its parent */
  SLUICE_TOO_MANY, /* 10,000 are open; counted as dropped_span_limit */
  SLUICE_NO_MEMORY
} sluice_start;

typedef struct sluice_span_options {
  size_t size;
  sluice_text target; /* the module that speaks, e.g. "app::db"; filters match prefixes. Of no
                       * data (NULL): the program's file name */
  sluice_level level;
  sluice_span_kind kind;
  const sluice_context* parent; /* NULL: the thread's current context; all zero: a new trace */
  int is_detached;              /* nonzero: it does not become the thread's current span */
  const sluice_attribute* attributes;
  size_t attribute_count;
  uint64_t start_unix_ns;      /* 0: now */
  const uint8_t* trace_id;     /* 16 bytes, for a root; NULL: drawn */
  const uint8_t* span_id;      /* 8 bytes; NULL: drawn */
  const sluice_source* source; /* NULL: none */
  const sluice_link* links;
  size_t link_count;
  sluice_start* outcome; /* NULL, or where to say why there is no span */
} sluice_span_options;

/* Starts a span. Unless detached it is the thread's current span until its end. 0 where nobody
 * wants such a span, or where 10,000 are open: what is below it belongs to its parent. */
SLUICE_API sluice_span sluice_span_start(sluice_text name,
                                         const sluice_span_options* options) SLUICE_NOEXCEPT;
/* Adds attributes. A key set twice has its last value. */
SLUICE_API void sluice_span_set_attributes(sluice_span span, const sluice_attribute* attributes,
                                           size_t count) SLUICE_NOEXCEPT;

typedef enum sluice_status {
  SLUICE_UNSET = 0,
  SLUICE_OK = 1,
  SLUICE_FAILED = 2,
  SLUICE_UNWOUND = 3 /* failed, unless a status was set before */
} sluice_status;
/* The last one counts. `message` says why it failed. */
SLUICE_API void sluice_span_set_status(sluice_span span, sluice_status status,
                                       sluice_text message) SLUICE_NOEXCEPT;
SLUICE_API void sluice_span_add_link(sluice_span span, const sluice_link* link) SLUICE_NOEXCEPT;
/* The last one counts. */
SLUICE_API void sluice_span_set_name(sluice_span span, sluice_text name) SLUICE_NOEXCEPT;
/* Adds to the time that the span was entered. Never called: it was entered all the time. */
SLUICE_API void sluice_span_add_busy(sluice_span span, uint64_t ns) SLUICE_NOEXCEPT;

typedef struct sluice_error {
  size_t size;
  sluice_text type, message, stacktrace;
  int keeps_status; /* nonzero: the span does not fail by it */
} sluice_error;
/* An event `exception` in the span, which fails by it: with `message`, or where that is empty with
 * `type`. */
SLUICE_API void sluice_span_record_error(sluice_span span,
                                         const sluice_error* error) SLUICE_NOEXCEPT;

/* Ends it, from any thread. Where it is current on the calling thread, the one before is again. */
SLUICE_API void sluice_span_end(sluice_span span) SLUICE_NOEXCEPT;
/* Likewise, at a time of the caller's; 0: now. */
SLUICE_API void sluice_span_end_at(sluice_span span, uint64_t unix_ns) SLUICE_NOEXCEPT;
/* Its context; all zero for none. */
SLUICE_API sluice_context sluice_span_context(sluice_span span) SLUICE_NOEXCEPT;

typedef struct sluice_event_options {
  size_t size;
  sluice_text target;
  sluice_level level;
  const sluice_context* context; /* NULL: the thread's current context */
  const sluice_attribute* attributes;
  size_t attribute_count;
  uint64_t unix_ns;            /* 0: now */
  const sluice_source* source; /* NULL: none */
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

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_SLUICE_H_ */
