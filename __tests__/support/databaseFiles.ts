import * as fs from "fs";
import * as path from "path";
import { nodesFolder, succeed, TestNode } from "./node";

/**
 * What the stand-in for systemctl runs to start the database: the real server, in little memory. It ends with the
 * node.
 */
export const startDatabase = `
if [ -f /run/mysqld/pid ]; then
  kill "$(cat /run/mysqld/pid)"
  while [ -f /run/mysqld/pid ]; do sleep 0.05; done
fi
mkdir -p /run/mysqld && chown mysql /run/mysqld
setsid mariadbd --user=mysql --pid-file=/run/mysqld/pid --innodb-buffer-pool-size=16M --performance-schema=0 \\
  >>/var/log/mariadbd.log 2>&1 </dev/null 3>&- 9>&- &
until [ -S /run/mysqld/mysqld.sock ] && mysqladmin ping >/dev/null 2>&1; do sleep 0.05; done
`;

/** Tables of SMT, as far as a test needs them. */
const smtTables = `CREATE DATABASE smt; USE smt;
CREATE TABLE Clients (ID INT AUTO_INCREMENT UNIQUE KEY, GUID CHAR(50) PRIMARY KEY, HOSTNAME VARCHAR(100)) ENGINE=InnoDB;
CREATE TABLE Registration (GUID CHAR(50) NOT NULL, PRODUCTID INT NOT NULL, PRIMARY KEY (GUID, PRODUCTID)) ENGINE=InnoDB;
CREATE TABLE Catalogs (ID INT AUTO_INCREMENT PRIMARY KEY, NAME VARCHAR(200) NOT NULL UNIQUE) ENGINE=MyISAM;
`;

/** Makes the files of both kinds in /smt, unless another test file has made them meanwhile. */
const make = `set -e
[ ! -e /smt/tables ] || exit 0
rm -rf /smt/*
mariadb-install-db --user=mysql --skip-test-db --auth-root-authentication-method=socket
cp -a /var/lib/mysql /smt/empty
bash /run/doubles/start-mariadb
mysql </root/tables
mysqladmin shutdown
cp -a /var/lib/mysql /smt/new
mv /smt/new /smt/tables
`;

/**
 * Gives a node the files of a database: an empty one, or one with SMT's tables. The first test that needs them makes them, since
 * that takes seconds.
 */
export async function putDatabase(node: TestNode, directory: string, kind: "empty" | "tables"): Promise<void> {
  const shared = path.join(nodesFolder(), "database");
  if (!fs.existsSync(path.join(shared, "tables"))) {
    fs.mkdirSync(shared, { recursive: true });
    const maker = await TestNode.start({ shared });
    try {
      maker.write("/run/doubles/start-mariadb", startDatabase);
      maker.write("/etc/mysql/mariadb.conf.d/99-test.cnf", "[mysqld]\ninnodb_log_file_size=4M\n");
      maker.write("/root/tables", smtTables);
      maker.write("/root/make", make);
      succeed(await maker.runAside("flock /smt bash /root/make"));
    } finally {
      await maker.stop();
    }
  }
  node.put(path.join(shared, kind), directory);
}
