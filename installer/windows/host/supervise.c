/*
 * The script's stdin is how we speak with it: a line "policy" when policy has changed, and its end when it is to stop, which it
 * also sees when we die.
 */
#include "supervise.h"
#include "child.h"
#include "environment.h"
#include "log_file.h"
#include "messages.h"
#include "path.h"
#include "restart.h"
#include "say.h"
#include "text.h"
#include "values.h"
#include "watch.h"
#include <stdlib.h>

/* Group Policy writes many values one after another: the script is told once, when they are in. */
enum { policy_settles_ms = 1000 };
/* At the longest wait of restart.h, one event of Event Viewer in an hour. */
enum { restarts_per_event = 60 };
/* Of what the script said last, for Event Viewer. */
enum { last_words_max = 1500 };

struct pump {
  HANDLE from;
  char last[last_words_max];
  size_t last_length;
};

static void remember(struct pump *pump, const char *bytes, size_t count) {
  if (count > last_words_max) {
    bytes += count - last_words_max;
    count = last_words_max;
  }
  if (pump->last_length + count > last_words_max) {
    size_t kept = last_words_max - count;
    memmove(pump->last, pump->last + pump->last_length - kept, kept);
    pump->last_length = kept;
  }
  memcpy(pump->last + pump->last_length, bytes, count);
  pump->last_length += count;
}

static DWORD WINAPI pump_thread(void *given) {
  struct pump *pump = given;
  static char bytes[32 * 1024];
  DWORD count;
  while (ReadFile(pump->from, bytes, sizeof bytes, &count, NULL) && count) {
    log_write(bytes, count);
    remember(pump, bytes, count);
  }
  return 0;
}

struct run {
  struct child child;
  HANDLE input; /* our end of its stdin; NULL: closed */
  HANDLE pump_handle;
  struct pump pump;
};

static wchar_t *arguments_of(const struct settings *s) {
  wchar_t *more = value_read_at(s->key, L"Arguments");
  wchar_t *all = text_format(L"%ls %ls", s->arguments, more ? more : L"");
  free(more);
  return all;
}

/*
 * Reading the program's source costs a third of a start; V8 can keep what it made of it. For the service only: what it keeps it may also
 * write, so nobody with more rights must run it.
 */
static void keep_compiled(const struct settings *s) {
  wchar_t *folder = path_join(s->data, L"compile-cache");
  SetEnvironmentVariableW(L"NODE_COMPILE_CACHE", folder);
  free(folder);
}

static BOOL start(struct run *run, const struct settings *s) {
  SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
  HANDLE in = NULL, out = NULL;
  wchar_t *arguments = arguments_of(s);
  DWORD error;
  BOOL is_started = FALSE;
  memset(run, 0, sizeof *run);
  environment_apply(s);
  keep_compiled(s);
  if (CreatePipe(&in, &run->input, &inheritable, 0) && CreatePipe(&run->pump.from, &out, &inheritable, 64 * 1024)) {
    SetHandleInformation(run->input, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(run->pump.from, HANDLE_FLAG_INHERIT, 0);
    is_started = child_start(&run->child, s, arguments, s->folder, in, out, out);
  }
  error = GetLastError();
  if (in) CloseHandle(in);
  if (out) CloseHandle(out);
  if (is_started) {
    run->pump_handle = CreateThread(NULL, 0, pump_thread, &run->pump, 0, NULL);
  } else {
    if (run->input) CloseHandle(run->input);
    if (run->pump.from) CloseHandle(run->pump.from);
  }
  free(arguments);
  SetLastError(error);
  return is_started;
}

/* After its process has ended. The job's end ends what it has left, and with that the pipe that the pump reads. */
static DWORD finish(struct run *run) {
  DWORD code = 1;
  GetExitCodeProcess(run->child.process, &code);
  if (run->input) CloseHandle(run->input);
  child_close(&run->child);
  if (run->pump_handle) {
    if (WaitForSingleObject(run->pump_handle, 5000) != WAIT_OBJECT_0) CancelSynchronousIo(run->pump_handle);
    WaitForSingleObject(run->pump_handle, INFINITE);
    CloseHandle(run->pump_handle);
  }
  CloseHandle(run->pump.from);
  return code;
}

static void stop_child(struct run *run, const struct settings *s, void (*still_stopping)(void)) {
  const ULONGLONG since = GetTickCount64();
  log_line(L"stopping %ls", s->display);
  CloseHandle(run->input);
  run->input = NULL;
  while (WaitForSingleObject(run->child.process, 1000) == WAIT_TIMEOUT) {
    still_stopping();
    if (GetTickCount64() - since < s->stop_ms) continue;
    wchar_t *words = text_format(L"It was given %lu seconds.", s->stop_ms / 1000);
    log_line(L"%ls has not stopped within %lu s and is ended", s->display, s->stop_ms / 1000);
    say_event(s->name, MESSAGE_STOP_LATE, s->display, words);
    free(words);
    child_end(&run->child);
  }
}

static void tell_policy(struct run *run) {
  static const char line[] = "policy\n";
  DWORD done;
  if (WriteFile(run->input, line, sizeof line - 1, &done, NULL)) log_line(L"policy has changed");
}

/* Until it has ended by itself (FALSE) or is to stop (TRUE). */
static BOOL attend(struct run *run, HANDLE stop, struct watch *watches, DWORD count) {
  HANDLE waits[2 + watches_max];
  DWORD wait_ms = INFINITE;
  waits[0] = stop;
  waits[1] = run->child.process;
  for (DWORD i = 0; i < count; i++) waits[2 + i] = watches[i].event;
  for (;;) {
    DWORD which = WaitForMultipleObjects(2 + count, waits, FALSE, wait_ms);
    if (which == WAIT_OBJECT_0) return TRUE;
    if (which == WAIT_TIMEOUT) {
      /* What came while it settled, the key's own end among it. */
      for (DWORD i = 0; i < count; i++) watch_changed(&watches[i]);
      tell_policy(run);
      wait_ms = INFINITE;
    } else if (which >= WAIT_OBJECT_0 + 2 && which < WAIT_OBJECT_0 + 2 + count) {
      if (watch_changed(&watches[which - WAIT_OBJECT_0 - 2])) wait_ms = policy_settles_ms;
    } else {
      return FALSE;
    }
  }
}

static void say_configuration(const struct settings *s, const struct run *run) {
  wchar_t *last = text_wide(run->pump.last, run->pump.last_length);
  wchar_t *words = text_format(L"It said: %ls", last);
  say_event(s->name, MESSAGE_CONFIGURATION, s->display, words);
  free(words);
  free(last);
}

DWORD supervise(const struct settings *s, HANDLE stop, void (*still_stopping)(void)) {
  struct watch watches[watches_max];
  const DWORD count = watches_open(watches, s->policies);
  DWORD wait_ms = 0, starts = 0;
  for (;;) {
    static struct run run;
    const ULONGLONG since = GetTickCount64();
    const BOOL is_event_due = wait_ms < restart_ms_max || starts % restarts_per_event == 0;
    wchar_t *why;
    starts++;
    if (start(&run, s)) {
      const BOOL is_wanted = (log_line(L"started %ls, process %lu", s->display, run.child.id), attend(&run, stop, watches, count));
      if (is_wanted) stop_child(&run, s, still_stopping);
      const DWORD code = finish(&run);
      if (is_wanted) {
        log_line(L"stopped %ls, exit code %lu", s->display, code);
        return 0;
      }
      if (code == exit_configuration) {
        log_line(L"%ls cannot use its configuration and is not started again", s->display);
        say_configuration(s, &run);
        return exit_configuration;
      }
      wait_ms = restart_ms(wait_ms, GetTickCount64() - since);
      why = text_format(L"Its exit code was %lu (0x%lx); the next start is in %lu s. See %ls\\logs\\service.log.", code, code, wait_ms / 1000, s->data);
      if (is_event_due) say_event(s->name, MESSAGE_RESTARTING, s->display, why);
    } else {
      wchar_t *words = say_system_words(GetLastError());
      wait_ms = restart_ms(wait_ms, 0);
      why = text_format(L"%ls\\node.exe: %ls. Repair the installation; the next try is in %lu s.", s->folder, words, wait_ms / 1000);
      free(words);
      if (is_event_due) say_event(s->name, MESSAGE_NOT_STARTED, s->display, why);
    }
    log_line(L"%ls has ended or not begun. %ls", s->display, why);
    free(why);
    if (WaitForSingleObject(stop, wait_ms) == WAIT_OBJECT_0) return 0;
  }
}
