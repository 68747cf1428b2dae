#include "machine.h"
#include "json.h"
#include "networks.h"
#include "registry.h"
#include "say.h"
#include "text.h"
#include <ntsecapi.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>

static void put_power(void) {
  SYSTEM_POWER_STATUS power;
  if (!GetSystemPowerStatus(&power)) {
    json_put("null");
    return;
  }
  json_put("{\"line\":");
  json_number(power.ACLineStatus);
  json_put(",\"flags\":");
  json_number(power.BatteryFlag);
  json_put(",\"percent\":");
  json_number(power.BatteryLifePercent);
  json_put("}");
}

static void put_domain_sid(void) {
  LSA_OBJECT_ATTRIBUTES nothing = {0};
  LSA_HANDLE policy;
  POLICY_DNS_DOMAIN_INFO *domain = NULL;
  wchar_t *sid = NULL;
  nothing.Length = sizeof nothing;
  if (LsaOpenPolicy(NULL, &nothing, POLICY_VIEW_LOCAL_INFORMATION, &policy) >= 0) {
    if (LsaQueryInformationPolicy(policy, PolicyDnsDomainInformation, (void **)&domain) < 0) domain = NULL;
    LsaClose(policy);
  }
  if (domain && domain->Sid && ConvertSidToStringSidW(domain->Sid, &sid)) json_text(sid, wcslen(sid));
  else json_put("null");
  if (sid) LocalFree(sid);
  if (domain) LsaFreeMemory(domain);
}

/* DMTF's SMBIOS specification, "System Information (Type 1)": the UUID's first three numbers are little-endian. */
struct firmware_table {
  BYTE unused[4];
  DWORD length;
  BYTE data[];
};
enum { raw_smbios = 0x52534d42 /* RSMB */, system_information = 1, uuid_at = 8, uuid_bytes = 16 };

static const BYTE *uuid_in(const struct firmware_table *table) {
  const BYTE *at = table->data, *end = at + table->length;
  while (end - at >= 4 && at[1] >= 4 && end - at >= at[1]) {
    if (at[0] == system_information && at[1] >= uuid_at + uuid_bytes) return at + uuid_at;
    /* Its texts follow, and behind the last of them a second zero. */
    for (at += at[1]; end - at >= 2 && (at[0] || at[1]); at++) {}
    at += 2;
  }
  return NULL;
}

static void put_uuid(void) {
  const DWORD bytes = GetSystemFirmwareTable(raw_smbios, 0, NULL, 0);
  struct firmware_table *table = memory(bytes + sizeof *table);
  const BYTE *u = NULL;
  if (bytes >= sizeof *table && GetSystemFirmwareTable(raw_smbios, 0, table, bytes) == bytes && table->length <= bytes - sizeof *table)
    u = uuid_in(table);
  if (u) {
    char text[64];
    sprintf(text, "\"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\"", u[3], u[2], u[1], u[0], u[5], u[4], u[7], u[6],
            u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    json_put(text);
  } else {
    json_put("null");
  }
  free(table);
}

static void put_key(const wchar_t *path) {
  if (registry_put(path) != ERROR_SUCCESS) json_put("null");
}

int machine(void) {
  json_put("{\"power\":");
  put_power();
  json_put(",\"cost\":");
  networks_put_cost();
  json_put(",\"adapters\":");
  networks_put_adapters();
  json_put(",\"domainSid\":");
  put_domain_sid();
  json_put(",\"uuid\":");
  put_uuid();
  json_put(",\n\"netlogon\":");
  put_key(L"HKLM\\SYSTEM\\CurrentControlSet\\Services\\Netlogon\\Parameters");
  json_put(",\n\"tcpip\":");
  put_key(L"HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters");
  json_put(",\n\"entra\":");
  put_key(L"HKLM\\SYSTEM\\CurrentControlSet\\Control\\CloudDomainJoin\\JoinInfo");
  json_put("}\n");
  return json_print() ? 0 : say_failed(GetLastError(), L"what this machine is was read, but nobody takes it");
}
