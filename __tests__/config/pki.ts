import { execFileSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";

/** An administrator's CA, one below it, and server certificates; created for each run, since they expire. */
const pki = ((): Record<string, string> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-pki-"));
  const script = `
    cd ${folder}
    key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes' # which takes no time to make
    ca() { openssl req -x509 $key -keyout $1.key -out $1.crt -days 30 -subj "/CN=$1"; }
    sign() { # NAME ISSUER EXTENSIONS DAYS
      openssl req -new $key -keyout $1.key -out $1.csr -subj "/CN=$1"
      printf "$3" >ext
      openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days $4 -extfile ext -out $1.crt
    }
    ca root; ca other
    sign issuing root 'basicConstraints=critical,CA:TRUE' 30
    sign server issuing 'subjectAltName=DNS:smt.smt-ha.lab' 30
    sign client issuing 'subjectAltName=DNS:smt.smt-ha.lab\nextendedKeyUsage=clientAuth' 30
    sign elsewhere issuing 'subjectAltName=DNS:www.example.com' 30
    sign expired issuing 'subjectAltName=DNS:smt.smt-ha.lab' -1
    openssl pkey -aes128 -passout pass:hush -in root.key -out encrypted.key`;
  execFileSync("bash", ["-e", "-c", script], { stdio: "pipe" });
  const created = fs
    .readdirSync(folder)
    .map((name): [string, string] => [name, fs.readFileSync(`${folder}/${name}`, "utf8")]);
  fs.rmSync(folder, { recursive: true });
  return Object.fromEntries(created);
})();
/** The text of these files, one after the other. */
export const pem = (...names: readonly string[]): string => names.map((name) => pki[name]).join("");

/** The files, by the paths that the configuration can name. */
export const pkiFiles: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(pki).map(([name, content]) => [`/pki/${name}`, content])),
  "/pki/chain": pem("issuing.crt", "root.crt"),
  "/pki/turned": pem("root.crt", "issuing.crt"),
  // Those that the fixing commands name.
  [`${os.homedir()}/smt-ca/ca.crt`]: pem("issuing.crt", "root.crt"),
  [`${os.homedir()}/smt-ca/ca.key`]: pem("issuing.key"),
  [`${os.homedir()}/smt-ca/server.crt`]: pem("server.crt"),
  [`${os.homedir()}/smt-ca/server.key`]: pem("server.key"),
};
