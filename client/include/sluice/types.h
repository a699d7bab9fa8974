/* What the C interface is made of: texts, levels, attributes. See sluice.h. */
#ifndef SLUICE_TYPES_H_
#define SLUICE_TYPES_H_

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
  SLUICE_MAP = 7,
  SLUICE_DEFERRED = 8 /* made when it is needed, not where nobody wants the record */
} sluice_type;

struct sluice_attribute;
/* Takes one value, of any type but SLUICE_DEFERRED, and copies it before it returns. */
typedef void (*sluice_take)(void* to, const struct sluice_attribute* value);

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
    } list; /* SLUICE_ARRAY, SLUICE_MAP; none of them deferred */
    struct {
      /* Called at most once, on the caller's thread, before the call that it was handed to returns;
       * it must not throw. Calls `take(to, &value)` once, or not: then there is no such attribute.
       */
      void (*make)(const void* object, sluice_take take, void* to);
      const void* object;
    } deferred;
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
  uint8_t reserved_1[2];
  uint32_t baggage; /* see baggage.h */
  uint8_t reserved_2[4];
} sluice_context;

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_TYPES_H_ */
