/*
 * Whose host this is: starling-service.ini beside the program says it, so that one binary serves agent and coordinator.
 *
 *   [service]
 *   name=Starling                           the service, and the source of its events
 *   display=Starling Agent                  for people
 *   script=app\main.mjs                     what node runs, from the program's folder
 *   arguments=run --stop-on-stdin-end       and with what; the registry's value Arguments comes behind it
 *   data=%ProgramData%\Starling             where it keeps its things, unless the registry's DataDir says otherwise
 *   data-variable=STARLING_DATA             how the script is told
 *   key=SOFTWARE\Starling                   settings of this machine, below HKEY_LOCAL_MACHINE
 *   policies=SOFTWARE\Policies\Starling|... keys whose change the script is told; of ours first
 *   honour=honourDelivery...                in the first of them: whether the others count
 *   cache-policy=DOModifyCacheDrive         in these keys, where the cache lies
 *   cache-variable=STARLING_POLICY_...      in the settings' Environment, the same
 *   firewall=local-subnet                   who may reach it: local-subnet, any or no
 *   keep=content|index|facts.log|small      what `purge` leaves; * is all but logs
 *   known=config.json|*.new|...             and what else may lie in the data folder; * stands for any beginning
 *   stop-seconds=25                         how long it may take to stop
 */
#pragma once
#include <windows.h>

struct settings {
  wchar_t *program; /* full path of this exe */
  wchar_t *folder;  /* that it lies in */
  wchar_t *name, *display, *script, *arguments, *data, *data_variable, *key, *policies, *firewall, *keep, *known;
  wchar_t *cache_policy, *cache_variable, *honour; /* place.h */
  wchar_t *place;   /* of the cache, for whom it is given; else NULL: these say it */
  DWORD stop_ms;
};

/* FALSE: it has said on stderr why not. */
BOOL settings_load(struct settings *settings);

/*
 * For `purge` without an installation: name, data, keep (nothing: no content is kept either) and the place of the cache, if it has one: to be
 * emptied, or kept where it lies in the data folder. They may
 * be given as Windows Installer has them: with variables behind #%, and with `\.` at the end, which keeps a backslash off the quote.
 */
BOOL settings_given(struct settings *settings, wchar_t **words, int count);
