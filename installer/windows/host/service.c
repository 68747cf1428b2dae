#include "service.h"
#include "log_file.h"
#include "messages.h"
#include "own_folder.h"
#include "restart.h"
#include "say.h"
#include "supervise.h"
#include "text.h"
#include <stdlib.h>

static const struct settings *settings;
static SERVICE_STATUS_HANDLE handle;
static HANDLE stop;
static CRITICAL_SECTION lock;

/* How long the service manager waits for the next word of ours. */
enum { hint_ms = 10 * 1000 };
/* The service-specific code when the data folder cannot be used (EX_CANTCREAT of sysexits.h). */
enum { exit_folder = 73 };

static void report(DWORD state, DWORD specific_code) {
  static DWORD checkpoint;
  SERVICE_STATUS status = {0};
  EnterCriticalSection(&lock); /* the control handler and the service speak from two threads */
  status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  status.dwCurrentState = state;
  if (state == SERVICE_RUNNING) status.dwControlsAccepted = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN;
  if (state == SERVICE_STOP_PENDING) {
    status.dwCheckPoint = ++checkpoint;
    status.dwWaitHint = hint_ms;
  }
  /* An orderly stop with a code of our own: Services shows it, and recovery, which is for crashes, leaves it alone. */
  status.dwWin32ExitCode = specific_code ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR;
  status.dwServiceSpecificExitCode = specific_code;
  SetServiceStatus(handle, &status);
  LeaveCriticalSection(&lock);
}

static void still_stopping(void) {
  report(SERVICE_STOP_PENDING, 0);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context) {
  (void)type;
  (void)data;
  (void)context;
  switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN:
      still_stopping();
      SetEvent(stop);
      return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
      return NO_ERROR;
    default:
      return ERROR_CALL_NOT_IMPLEMENTED;
  }
}

static void open_log(void) {
  wchar_t *words, *what;
  if (log_open(settings->data)) return;
  words = say_system_words(GetLastError());
  what = text_format(L"%ls\\logs\\service.log cannot be opened: %ls. It is tried again each minute.", settings->data, words);
  say_event(settings->name, MESSAGE_NO_LOG, settings->display, what);
  free(what);
  free(words);
}

static BOOL is_drive_away(void) {
  const wchar_t root[] = {settings->data[0], L':', L'\\', 0};
  return GetFileAttributesW(root) == INVALID_FILE_ATTRIBUTES && GetLastError() != ERROR_ACCESS_DENIED;
}

/*
 * Of a data folder on a drive that comes later (iSCSI, BitLocker) nothing can be said yet. The machine's start does not wait for it, so we run
 * by then. FALSE: the service is to stop.
 */
static BOOL drive_comes(void) {
  DWORD wait_ms = 0;
  wchar_t *why = text_format(L"The drive of its data folder %ls is not there yet; it begins when that is.", settings->data);
  report(SERVICE_RUNNING, 0);
  say_event(settings->name, MESSAGE_NOT_STARTED, settings->display, why);
  free(why);
  do {
    wait_ms = restart_ms(wait_ms, 0);
    if (WaitForSingleObject(stop, wait_ms) == WAIT_OBJECT_0) return FALSE;
  } while (is_drive_away());
  return TRUE;
}

/* Only an administrator can have done that to a folder of ours, so it is for one to know, and no reason to stop. Always TRUE. */
static BOOL tell_of_open_folder(wchar_t *whom) {
  wchar_t *what;
  if (!whom) return TRUE;
  what = text_format(L"The data folder %ls is open to %ls. Run \"%ls\" configure as an administrator, which closes it again.", settings->data, whom, settings->program);
  log_line(L"%ls", what);
  say_event(settings->name, MESSAGE_FOLDER_OPEN, settings->display, what);
  free(what);
  free(whom);
  return TRUE;
}

/* A folder that we made ourselves would be open to everybody, and one that is open may be somebody's trap: an administrator has to make it. */
static BOOL can_keep_things(void) {
  wchar_t *why, *whom;
  if (own_folder_is_made(settings->data, settings->name, &whom)) {
    open_log();
    return tell_of_open_folder(whom);
  }
  why = text_format(L"The data folder %ls cannot be used: it is not there, or not %ls's alone. Run \"%ls\" configure as an administrator, then start the service.", settings->data, settings->name, settings->program);
  say_event(settings->name, MESSAGE_NOT_STARTED, settings->display, why);
  free(why);
  free(whom);
  return FALSE;
}

static void WINAPI service_main(DWORD count, wchar_t **names) {
  DWORD code;
  (void)count;
  (void)names;
  handle = RegisterServiceCtrlHandlerExW(settings->name, on_control, NULL);
  if (!handle) return;
  if (is_drive_away() && !drive_comes()) {
    report(SERVICE_STOPPED, 0);
    return;
  }
  if (!can_keep_things()) {
    report(SERVICE_STOPPED, exit_folder);
    return;
  }
  report(SERVICE_RUNNING, 0);
  code = supervise(settings, stop, still_stopping);
  if (!code) say_event(settings->name, MESSAGE_STOPPED, settings->display, NULL);
  report(SERVICE_STOPPED, code);
}

int service(const struct settings *given) {
  SERVICE_TABLE_ENTRYW table[] = {{given->name, service_main}, {NULL, NULL}};
  settings = given;
  InitializeCriticalSection(&lock);
  stop = CreateEventW(NULL, TRUE, FALSE, NULL);
  if (!stop) return say_failed(GetLastError(), L"the service cannot be stopped later, so it is not started");
  if (StartServiceCtrlDispatcherW(table)) return 0;
  if (GetLastError() == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
    return say_failed(0, L"this is what Windows' service manager runs; to start it: sc start %ls", given->name);
  return say_failed(GetLastError(), L"the service manager does not take %ls as its service", given->name);
}
