/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests: one CA, a server and a client, P-256, valid for a century. Worth nothing elsewhere.
 */
#ifndef ADIT_TESTS_PEM_H
#define ADIT_TESTS_PEM_H

static const char pem_ca[] = "-----BEGIN CERTIFICATE-----\n"
                             "MIIBezCCASGgAwIBAgIUHRNqQAdAV8+cPYVv0CdvlYR0q38wCgYIKoZIzj0EAwIw\n"
                             "EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjEwOTQ4MTBaGA8yMTI2MTAyODA5\n"
                             "NDgxMFowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
                             "A0IABLe2+jKAskhhFcyFTPQ9w8ilqRNRkIbUdhQrDYjJfYmPK4QxOEWKE3zG+k1+\n"
                             "w0PAC3m1zNU5OqX8bAK/pGeq7gajUzBRMB0GA1UdDgQWBBRFSSSXvRejQB6U3Kge\n"
                             "yVBkGXK5zjAfBgNVHSMEGDAWgBRFSSSXvRejQB6U3KgeyVBkGXK5zjAPBgNVHRMB\n"
                             "Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDPC5fcivPdlejd4SGVKBJwtHlV\n"
                             "QSCrsCTxUknsiL44hAIgDUrqFJmw4Yqb90atLIIC8OsG1FilouovdgXcyIi/loo=\n"
                             "-----END CERTIFICATE-----\n";

static const char pem_server_cert[] = "-----BEGIN CERTIFICATE-----\n"
                                      "MIIBlzCCATygAwIBAgIUO9GFk0tH9/hLtLeq+GkyF8ZH7Y8wCgYIKoZIzj0EAwIw\n"
                                      "EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjEwOTQ4MTBaGA8yMTI2MTAyODA5\n"
                                      "NDgxMFowETEPMA0GA1UEAwwGc2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD\n"
                                      "QgAEr9hGadKWvgT6smkxlRSlNuMSlh4fpJVJyoAIk/orxwx0+GxKVm341fUspKod\n"
                                      "ySWUuaGw+M11HwkN80AkYiVx96NvMG0wCQYDVR0TBAIwADALBgNVHQ8EBAMCB4Aw\n"
                                      "EwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0OBBYEFF51mEhpRlABxsoVOziV0Kc0\n"
                                      "L38YMB8GA1UdIwQYMBaAFEVJJJe9F6NAHpTcqB7JUGQZcrnOMAoGCCqGSM49BAMC\n"
                                      "A0kAMEYCIQCCdYdRdWwfkRsCeMv0V4c5duzM6zAWZD25Mf+A8kHyVwIhALXfX0JQ\n"
                                      "4mywIVeBDgmC5Gc4TOUEQBnlwViCL1UYWpmL\n"
                                      "-----END CERTIFICATE-----\n";

static const char pem_server_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggEPDWnlNm50bkKTZ\n"
                                     "/ZunUu0BULhcEGYJTkRdStCnprShRANCAASv2EZp0pa+BPqyaTGVFKU24xKWHh+k\n"
                                     "lUnKgAiT+ivHDHT4bEpWbfjV9Sykqh3JJZS5obD4zXUfCQ3zQCRiJXH3\n"
                                     "-----END PRIVATE KEY-----\n";

static const char pem_client_cert[] = "-----BEGIN CERTIFICATE-----\n"
                                      "MIIBljCCATygAwIBAgIUO9GFk0tH9/hLtLeq+GkyF8ZH7ZAwCgYIKoZIzj0EAwIw\n"
                                      "EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjEwOTQ4MTBaGA8yMTI2MTAyODA5\n"
                                      "NDgxMFowETEPMA0GA1UEAwwGY2xpZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD\n"
                                      "QgAE68TFGBkKfqTqcMq3+L05VlIbOXVnDv20bhwSVvCSmxIi9IQ3jd1aYDgb4Z6J\n"
                                      "DbyUsY/f0mQD5ZqnxdPw3F3EQKNvMG0wCQYDVR0TBAIwADALBgNVHQ8EBAMCB4Aw\n"
                                      "EwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYEFCatIPjTqcpegTDvYNQJl3PR\n"
                                      "b7XeMB8GA1UdIwQYMBaAFEVJJJe9F6NAHpTcqB7JUGQZcrnOMAoGCCqGSM49BAMC\n"
                                      "A0gAMEUCID5O7xDSuIL8EIMRiwsP/c/JXmiDPpX5RpiSsVUC3JWSAiEAoOh5Nyw8\n"
                                      "5z33ZWlCNFrsdgmKCd8fUj6zrSW7e7NJvvo=\n"
                                      "-----END CERTIFICATE-----\n";

static const char pem_client_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgG0TX6PlpJCgUDzzj\n"
                                     "bZo83Omybw5JHMFfYsOs61X5zcehRANCAATrxMUYGQp+pOpwyrf4vTlWUhs5dWcO\n"
                                     "/bRuHBJW8JKbEiL0hDeN3VpgOBvhnokNvJSxj9/SZAPlmqfF0/DcXcRA\n"
                                     "-----END PRIVATE KEY-----\n";

#endif
