/* Baggage: an application's own names and values that travel with the context, to what it calls
 * and to other processes. https://www.w3.org/TR/baggage/. See sluice.h.
 *
 * Which of them become attributes of spans says `baggage_keys` of sluice_options, else
 * SLUICE_BAGGAGE_KEYS: keys separated by commas, `prefix*` for all that begin so. They are copied
 * when a span starts, in that order; baggage set later counts for the spans that start then. */
#ifndef SLUICE_BAGGAGE_H_
#define SLUICE_BAGGAGE_H_

#include "sluice/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `*context` with this baggage as well, which is the calling thread's only once it is attached. A
 * key is a token: letters, digits and !#$%&'*+-.^_`|~. At most 64 members and 8,192 bytes: what is
 * beyond is left out. A value of no data (NULL) takes the key away.
 *
 * A process keeps the last 16,384 different ones, or 16 MiB of them: a context that is older has no
 * baggage any more. */
SLUICE_API struct sluice_context sluice_context_with_baggage(const struct sluice_context* context,
                                                             sluice_text key,
                                                             sluice_text value) SLUICE_NOEXCEPT;
/* Its value; of no data where there is none. Valid until the calling thread asks again, here or
 * for a header. */
SLUICE_API sluice_text sluice_context_baggage(const struct sluice_context* context,
                                              sluice_text key) SLUICE_NOEXCEPT;

/* The text of the header `baggage`, or of the variable BAGGAGE; empty for none. Valid likewise. */
SLUICE_API sluice_text sluice_context_baggage_header(const struct sluice_context* context)
    SLUICE_NOEXCEPT;
/* Replaces the context's baggage by what a header says. 0, or -1 where nothing of it can be read:
 * then there is none. */
SLUICE_API int sluice_context_extract_baggage(sluice_text header,
                                              struct sluice_context* context) SLUICE_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_BAGGAGE_H_ */
