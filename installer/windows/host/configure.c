#include "configure.h"
#include "own_folder.h"
#include "place.h"
#include "say.h"
#include "text.h"
#include <stdlib.h>

/* A program that crashes is the host's to start again; this is for the host itself. A day without a crash begins the count anew. */
enum { first_ms = 1000, second_ms = 10 * 1000, later_ms = 60 * 1000, forget_s = 24 * 60 * 60 };
/* After the script's time to stop, for ourselves. */
enum { margin_ms = 5 * 1000 };

static BOOL set(SC_HANDLE service, DWORD level, void *what, const wchar_t *words) {
  DWORD error;
  if (ChangeServiceConfig2W(service, level, what)) return TRUE;
  error = GetLastError();
  /* A Windows without the setting; nothing that trying again would help. */
  if (error == ERROR_INVALID_LEVEL) {
    say(L"this Windows has no %ls for services; it is left out", words);
    return TRUE;
  }
  say_failed(error, L"the service's %ls cannot be set; do this as an administrator", words);
  return FALSE;
}

static BOOL set_all(SC_HANDLE service, const struct settings *s) {
  SC_ACTION actions[] = {{SC_ACTION_RESTART, first_ms}, {SC_ACTION_RESTART, second_ms}, {SC_ACTION_RESTART, later_ms}};
  SERVICE_FAILURE_ACTIONSW recovery = {forget_s, NULL, NULL, 3, actions};
  /* Not for a stop with an error of ours: that says that a start makes no sense. */
  SERVICE_FAILURE_ACTIONS_FLAG only_crashes = {FALSE};
  SERVICE_DELAYED_AUTO_START_INFO late = {TRUE};
  SERVICE_SID_INFO sid = {SERVICE_SID_TYPE_UNRESTRICTED};
  /* Any more, as to act for whoever connects, is what an attacker wants of a service. */
  wchar_t privileges[] = L"SeChangeNotifyPrivilege\0";
  SERVICE_REQUIRED_PRIVILEGES_INFOW least = {privileges};
  SERVICE_PRESHUTDOWN_INFO before_shutdown = {s->stop_ms + margin_ms};
  wchar_t *image = text_format(L"\"%ls\" service", s->program);
  BOOL is_done = set(service, SERVICE_CONFIG_FAILURE_ACTIONS, &recovery, L"recovery");
  is_done &= set(service, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &only_crashes, L"recovery flag");
  is_done &= set(service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &late, L"delayed start");
  is_done &= set(service, SERVICE_CONFIG_SERVICE_SID_INFO, &sid, L"SID");
  is_done &= set(service, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &least, L"privileges");
  is_done &= set(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &before_shutdown, L"time before shutdown");
  /* Without quotes C:\Program.exe would be tried first. */
  if (!ChangeServiceConfigW(service, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE, image, NULL, NULL, NULL, NULL, NULL, NULL)) {
    say_failed(GetLastError(), L"the service's path cannot be set; do this as an administrator");
    is_done = FALSE;
  }
  free(image);
  return is_done;
}

static BOOL configure_service(const struct settings *s) {
  SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
  /* Restarting is a right of its own in recovery. */
  SC_HANDLE service = manager ? OpenServiceW(manager, s->name, SERVICE_CHANGE_CONFIG | SERVICE_START) : NULL;
  const DWORD error = GetLastError();
  BOOL is_done = service != NULL && set_all(service, s);
  if (!service) say_failed(error, L"the service %ls cannot be opened; do this as an administrator after it was installed", s->name);
  if (service) CloseServiceHandle(service);
  if (manager) CloseServiceHandle(manager);
  return is_done;
}

/* One policy is for machines of many kinds: what one of them cannot do is no reason to do without Starling there. */
static BOOL configure_cache(const struct settings *s, const wchar_t *folder) {
  wchar_t *why = own_folder_make_cache(folder, s->name);
  const BOOL is_fine = !why || place_is_by_policy(s);
  if (why && is_fine) say(L"Group Policy (%ls) has the cache in %ls, and this machine cannot have it there: %ls", s->cache_policy, folder, why);
  else if (why) say_failed(0, L"%ls", why);
  free(why);
  return is_fine;
}

static BOOL is_within(const wchar_t *inner, const wchar_t *outer) {
  const size_t length = wcslen(outer);
  return _wcsnicmp(inner, outer, length) == 0 && inner[length] == L'\\';
}

/* The outer one first where one is in the other: what lies in a folder when we first take it has to be known to us. */
static BOOL configure_folders(const struct settings *s) {
  wchar_t *cache = place_of_cache(s);
  const BOOL is_elsewhere = cache && !text_is(cache, s->data), is_cache_first = is_elsewhere && is_within(s->data, cache);
  BOOL is_done = !is_cache_first || configure_cache(s, cache);
  is_done &= own_folder_make(s);
  if (is_elsewhere && !is_cache_first) is_done &= configure_cache(s, cache);
  free(cache);
  return is_done;
}

int configure(const struct settings *s) {
  BOOL is_done;
  say_to_events_too(s->name, s->display);
  is_done = configure_service(s);
  is_done &= configure_folders(s);
  return is_done ? 0 : 1;
}
