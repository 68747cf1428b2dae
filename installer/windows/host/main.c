/* starling-service.exe: the host of a Node program as a Windows service, and what an installation needs beside it. */
#include "cli.h"
#include "configure.h"
#include "firewall.h"
#include "machine.h"
#include "purge.h"
#include "registry.h"
#include "say.h"
#include "service.h"
#include "settings.h"
#include "text.h"
#include "ticket.h"

enum { exit_usage = 2 };

static int usage(void) {
  say(L"what is to be done?\r\n"
      L"  service              run the service; Windows' service manager does that\r\n"
      L"  cli ARGUMENTS        run the program's own commands: cli status\r\n"
      L"  configure            the service's recovery, start and path, and the rights of its folders\r\n"
      L"  firewall add|remove  the rules of Windows' firewall\r\n"
      L"  ticket TICKET        keep a ticket for the next start; - reads it from stdin\r\n"
      L"  purge [cache]        remove what the service has kept, with its content or without\r\n"
      L"  purge NAME FOLDER KEPT [CACHE]\r\n"
      L"                       the same of a service that is not here any more\r\n"
      L"  registry KEY...      print keys of the registry, each with all below it, as JSON\r\n"
      L"  machine              print what policies ask of this machine as JSON");
  return exit_usage;
}

int wmain(int count, wchar_t **words) {
  const wchar_t *command = count > 1 ? words[1] : L"", *word = count > 2 ? words[2] : NULL;
  const BOOL is_alone = count == 2, has_one = count == 3;
  struct settings settings;
  /* Need no installation around them. */
  if (text_is(command, L"registry")) return count > 2 ? registry(words + 2, count - 2) : usage();
  if (text_is(command, L"machine") && is_alone) return machine();
  if (text_is(command, L"purge") && (count == 5 || count == 6))
    return settings_given(&settings, words + 2, count - 2) ? purge(&settings, !*settings.keep) : 1;
  if (!*command) return usage();
  if (!settings_load(&settings)) return 1;
  if (text_is(command, L"service") && is_alone) return service(&settings);
  if (text_is(command, L"cli")) return cli(&settings);
  if (text_is(command, L"configure") && is_alone) return configure(&settings);
  if (text_is(command, L"firewall") && has_one && text_is(word, L"add")) return firewall(&settings, TRUE);
  if (text_is(command, L"firewall") && has_one && text_is(word, L"remove")) return firewall(&settings, FALSE);
  if (text_is(command, L"ticket") && has_one) {
    say_to_events_too(settings.name, settings.display);
    return ticket(&settings, word);
  }
  if (text_is(command, L"ticket") && is_alone) return 0;
  if (text_is(command, L"purge") && (is_alone || (has_one && text_is(word, L"cache")))) return purge(&settings, has_one);
  return usage();
}
