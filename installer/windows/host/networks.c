#include <winsock2.h>
#include <ws2ipdef.h>
#include <iphlpapi.h>
#define COBJMACROS
#include "networks.h"
#include "json.h"
#include "text.h"
#include <initguid.h>
#include <netlistmgr.h>
#include <stdlib.h>

void networks_put_cost(void) {
  INetworkCostManager *manager = NULL;
  DWORD cost = 0;
  BOOL is_known = FALSE;
  if (SUCCEEDED(CoInitializeEx(NULL, COINIT_MULTITHREADED))) {
    if (SUCCEEDED(CoCreateInstance(&CLSID_NetworkListManager, NULL, CLSCTX_ALL, &IID_INetworkCostManager, (void **)&manager))) {
      is_known = SUCCEEDED(INetworkCostManager_GetCost(manager, &cost, NULL));
      INetworkCostManager_Release(manager);
    }
    CoUninitialize();
  }
  if (is_known) json_number(cost);
  else json_put("null");
}

static void put_text(const char *before, const wchar_t *text) {
  json_put(before);
  json_text(text ? text : L"", text ? wcslen(text) : 0);
}

static void put_adapter(const IP_ADAPTER_ADDRESSES *one) {
  wchar_t *id = text_wide(one->AdapterName, strlen(one->AdapterName));
  put_text("{\"id\":", id);
  put_text(",\"name\":", one->FriendlyName);
  put_text(",\"description\":", one->Description);
  json_put(",\"type\":");
  json_number(one->IfType);
  put_text(",\"dnsSuffix\":", one->DnsSuffix);
  json_put(one->FirstGatewayAddress ? ",\"isWayOut\":true}" : ",\"isWayOut\":false}");
  free(id);
}

void networks_put_adapters(void) {
  const ULONG flags = GAA_FLAG_INCLUDE_GATEWAYS | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER;
  ULONG bytes = 32 * 1024, status;
  IP_ADAPTER_ADDRESSES *all;
  BOOL is_first = TRUE;
  /* One more may have come since it told how much room it wants. */
  for (int tries = 0;; tries++) {
    all = memory(bytes);
    status = GetAdaptersAddresses(AF_UNSPEC, flags, NULL, all, &bytes);
    if (status != ERROR_BUFFER_OVERFLOW || tries == 5) break;
    free(all);
  }
  if (status != ERROR_SUCCESS && status != ERROR_NO_DATA) {
    json_put("null");
  } else {
    json_put("[");
    for (IP_ADAPTER_ADDRESSES *one = status == ERROR_SUCCESS ? all : NULL; one; one = one->Next) {
      if (one->OperStatus != IfOperStatusUp || one->IfType == IF_TYPE_SOFTWARE_LOOPBACK) continue;
      if (!is_first) json_put(",");
      put_adapter(one);
      is_first = FALSE;
    }
    json_put("]");
  }
  free(all);
}
