/* Preloaded into hv_kvp_daemon, so that it runs without Hyper-V: the device becomes a socket whose
 * other end plays the kernel, and its pool directory becomes one of ours.
 *
 * HVKVP_SOCK     path of a listening AF_UNIX SOCK_SEQPACKET socket, opened for /dev/vmbus/hv_kvp
 * HVKVP_POOLDIR  stands for /var/lib/hyperv
 * HVKVP_GATE     a FIFO, if set: before the daemon writes the rest of a pool, which its buffer
 * holds, it reads the FIFO to its end
 *
 * The daemon imports open, fopen, fclose, access, mkdir, getaddrinfo and __syslog_chk; these are
 * replaced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const char kDevice[] = "/dev/vmbus/hv_kvp";
static const char kPoolDirectory[] = "/var/lib/hyperv";

static int connect_to_host(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char* path = getenv("HVKVP_SOCK");
  int fd;

  if (path == NULL || strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr*)&address, sizeof address) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* `path`, or where it lies in our directory; uses `buffer` for the latter. */
static const char* mapped(const char* path, char buffer[4096]) {
  const size_t length = sizeof kPoolDirectory - 1;
  const char* directory = getenv("HVKVP_POOLDIR");

  if (directory == NULL || strncmp(path, kPoolDirectory, length) != 0) return path;
  snprintf(buffer, 4096, "%s%s", directory, path + length);
  return buffer;
}

EXPORT int open(const char* path, int flags, ...) {
  int (*next)(const char*, int, ...) = dlsym(RTLD_NEXT, "open");
  char buffer[4096];
  va_list arguments;
  mode_t mode;

  if (strcmp(path, kDevice) == 0) return connect_to_host();
  va_start(arguments, flags);
  mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return next(mapped(path, buffer), flags, mode);
}

/* The pool that is being written; the daemon has one thread. */
static FILE* written;

EXPORT FILE* fopen(const char* path, const char* mode) {
  FILE* (*next)(const char*, const char*) = dlsym(RTLD_NEXT, "fopen");
  char buffer[4096];
  FILE* file = next(mapped(path, buffer), mode);

  if (mode[0] == 'w') written = file;
  return file;
}

EXPORT int fclose(FILE* file) {
  int (*next)(FILE*) = dlsym(RTLD_NEXT, "fclose");
  const char* gate = getenv("HVKVP_GATE");
  char byte;
  int fd;

  if (gate != NULL && file == written) {
    fd = open(gate, O_RDONLY | O_CLOEXEC);
    while (read(fd, &byte, 1) > 0) continue;
    close(fd);
  }
  return next(file);
}

EXPORT int access(const char* path, int mode) {
  int (*next)(const char*, int) = dlsym(RTLD_NEXT, "access");
  char buffer[4096];

  return next(mapped(path, buffer), mode);
}

EXPORT int mkdir(const char* path, mode_t mode) {
  int (*next)(const char*, mode_t) = dlsym(RTLD_NEXT, "mkdir");
  char buffer[4096];

  return next(mapped(path, buffer), mode);
}

/* The daemon asks for its own full name before it opens the device; a silent name server would hold
 * it up for 20 s. It goes on without the name. */
EXPORT int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                       struct addrinfo** result) {
  (void)node, (void)service, (void)hints, (void)result;
  return EAI_NONAME;
}

EXPORT void __syslog_chk(int priority, int flag, const char* format, ...) {
  va_list arguments;

  (void)flag;
  fprintf(stderr, "hv_kvp_daemon<%d>: ", priority);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}
