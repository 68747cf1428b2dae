/* Parts of what `machine` prints. Each puts one value of JSON, null where Windows tells nothing. */
#pragma once

void networks_put_cost(void);
void networks_put_adapters(void);
