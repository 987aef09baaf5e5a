# Part of the stand-in for SMT, which is not packaged for Debian: SUSEConnect's protocol, as the real SMT 12 has it in the
# versions 3 and 4. It differs from the customer center's: what was created is answered by 200.
package SMT::Connect;
use strict;
use warnings;
use Apache2::Const -compile => qw(OK);
use JSON::PP;
use SMT::Web qw(authorized basic_auth body database local_id local_url now patchstatus_job product_id rows store);

my $json = JSON::PP->new->utf8;

my %routes = (
    'POST subscriptions/systems' => \&announce,
    'PUT systems' => \&update,
    'PATCH systems' => \&update,
    'DELETE systems' => \&deregister,
    'POST systems/products' => \&activate,
    'GET systems/products' => \&show,
    'GET systems/activations' => \&activations,
);

sub authenticate {
    my $request = shift;
    return authorized($request) ? Apache2::Const::OK : basic_auth($request);
}

sub handler {
    my $request = shift;
    my ($asked) = ($request->headers_in->{Accept} // '') =~ m{application/vnd\.scc\.suse\.com([^,\s]*)};
    my ($version) = ($asked // '.v4+json') =~ /^\.v([34])\+json$/;
    return answer($request, 406, { error => 'API version not supported', localized_error => 'API version not supported', status => 406 })
        if !$version;
    $request->err_headers_out->add('scc-api-version' => "v$version");

    my $path = $request->uri =~ s{^/connect/+|/+$}{}gr;
    my $route = $routes{ $request->method . " $path" };
    my ($status, $data) = $route ? eval { $route->($request) } : (404, 'Not Found');
    if (my $problem = $@) {
        die $problem if !$DBI::errstr;
        ($status, $data) = (500, "DBERROR: $DBI::errstr");
    }
    $request->log_error("$status $data") if !ref $data && $status != 204;
    return answer($request, $status,
        ref $data ? $data : { type => 'error', error => $data, localized_error => $data, status => $status });
}

sub answer {
    my ($request, $status, $data) = @_;
    $request->status($status);
    return Apache2::Const::OK if $status == 204;
    $request->content_type('application/json');
    $request->err_headers_out->add('Cache-Control' => 'no-cache, public, must-revalidate');
    $request->print($json->encode($data));
    return Apache2::Const::OK;
}

# What Apache itself refuses.
sub error {
    my $request = shift;
    my %texts = (
        401 => 'This server could not verify that you are authorized to access this service.',
        500 => 'Internal Server Error: Please contact your Administrator',
    );
    my $status = $request->prev ? $request->prev->status : 500;
    my $text = $texts{$status} // $texts{500};
    return answer($request, $status, { error => $text, localized_error => $text, status => $status });
}

sub parameters {
    my $text = body(shift);
    return $json->decode($text eq '' ? '{}' : $text);
}

sub announce {
    my $request = shift;
    my $client = parameters($request);
    return (404, 'Not Found') if !$client->{distro_target};
    my ($login, $secret) = ('SCC_' . random(), random());
    database()->do("INSERT INTO Clients (GUID, HOSTNAME, TARGET, NAMESPACE, SECRET, REGTYPE) VALUES (?, ?, ?, ?, ?, 'SC')", undef,
        $login, host($request, $client), $client->{distro_target}, $client->{namespace} || '', $secret);
    machine($login, $client);
    patchstatus_job($login);
    return (200, { login => $login, password => $secret });
}

sub update {
    my $request = shift;
    my $client = contact($request);
    my %changed = (HOSTNAME => host($request, $client));
    $changed{TARGET} = $client->{distro_target} if $client->{distro_target};
    $changed{NAMESPACE} = $client->{namespace} if $client->{namespace};
    my @columns = sort keys %changed;
    database()->do('UPDATE Clients SET ' . join(', ', map { "$_ = ?" } @columns) . ' WHERE GUID = ?', undef, @changed{@columns},
        $request->user);
    machine($request->user, $client);
    return (200, {});
}

sub deregister {
    my $request = shift;
    contact($request);
    database()->do("DELETE FROM $_ WHERE GUID = ?", undef, $request->user) for qw(MachineData Registration Clients ClientSubscriptions);
    return 204;
}

sub activate {
    my $request = shift;
    my $wanted = contact($request);
    my $product = wanted_product($wanted);
    return (422, $product) if ref $product ne 'HASH';
    my ($id, $guid) = ($product->{id}, $request->user);
    if (!$product->{available}) {
        my @missing = rows("SELECT c.NAME, p.PRODUCT, p.VERSION, p.ARCH FROM ProductCatalogs pc JOIN Catalogs c ON pc.CATALOGID = c.ID
            JOIN Products p ON pc.PRODUCTID = p.ID WHERE pc.PRODUCTID = ? AND c.DOMIRROR = 'N' AND pc.OPTIONAL = 'N'", $id);
        return (422, join "\n", 'Product not (fully) mirrored on this server.',
            'Mirroring of the following repos has to be enabled on the SMT server:',
            (map { "  * $_->{NAME} ($_->{PRODUCT},$_->{VERSION},$_->{ARCH})" } @missing), '');
    }
    if (rows('SELECT PRODUCTID FROM Registration WHERE GUID = ? AND PRODUCTID = ?', $guid, $id)) {
        database()->do('UPDATE Registration SET REGDATE = ? WHERE GUID = ? AND PRODUCTID = ?', undef, now(), $guid, $id);
    } else {
        database()->do('INSERT INTO Registration (GUID, PRODUCTID, REGDATE) VALUES (?, ?, ?)', undef, $guid, $id, now());
    }
    database()->do('DELETE FROM MachineData WHERE GUID = ? AND KEYNAME LIKE ?', undef, $guid, "product-%-$id");
    store($guid, "product-name-$id" => $wanted->{identifier}, "product-version-$id" => $wanted->{version},
        "product-arch-$id" => $wanted->{arch}, "product-rel-$id" => $wanted->{release_type});
    store($guid, "product-token-$id" => $wanted->{token}) if $wanted->{token};
    return (200, service($product));
}

# show: an activated product, with its extensions. The stand-in knows none.
sub show {
    my $request = shift;
    my $wanted = contact($request);
    if (!%$wanted) {
        $wanted = { map { s/%([0-9a-f]{2})/chr hex $1/geri } map { /^(.*?)=(.*)$/ } split /&/, $request->args // '' };
    }
    my $product = wanted_product($wanted);
    return (422, $product) if ref $product ne 'HASH';
    rows('SELECT GUID FROM Registration WHERE GUID = ? AND PRODUCTID = ?', $request->user, $product->{id})
        or return (422, 'The requested product is not activated on this system.');
    return (200, { %$product, extensions => [] });
}

sub activations {
    my $request = shift;
    contact($request);
    my @found = rows("SELECT c.ID system_id, s.REGCODE regcode, s.SUBTYPE type, s.SUBSTATUS status,
        DATE_FORMAT(s.SUBSTARTDATE, '%Y-%m-%dT%TZ') starts_at, DATE_FORMAT(s.SUBENDDATE, '%Y-%m-%dT%TZ') expires_at,
        r.PRODUCTID product_id FROM Registration r JOIN Clients c ON r.GUID = c.GUID
        LEFT JOIN ClientSubscriptions cs ON r.GUID = cs.GUID LEFT JOIN Subscriptions s ON cs.SUBID = s.SUBID
        WHERE r.GUID = ? ORDER BY r.PRODUCTID", $request->user);
    return (422, 'No products activated on this system.') if !@found;
    $_->{service} = service(product(delete $_->{product_id})) for @found;
    return (200, \@found);
}

# contact REQUEST: notes that the client was here; returns what it has sent.
sub contact {
    my $request = shift;
    database()->do('UPDATE Clients SET LASTCONTACT = CURRENT_TIMESTAMP WHERE GUID = ?', undef, $request->user);
    return parameters($request);
}

# wanted_product PARAMETERS: the product, or what is wrong with the parameters. An edition such as 12.3-0 counts as its version.
sub wanted_product {
    my $wanted = shift;
    for my $name (qw(identifier version arch)) { return "Missing required parameter: $name" if !$wanted->{$name} }
    $wanted->{version} =~ s/-.*//s;
    my $id = product_id($wanted->{identifier}, $wanted->{version} =~ s/\.0$//r, $wanted->{release_type}, $wanted->{arch});
    return $id ? product($id) : 'No valid product found';
}

sub service {
    my $product = shift;
    my $name = local_id();
    return { id => 1, name => $name, url => local_url() . "?credentials=$name", obsoleted_service_name => $name, product => $product };
}

sub product {
    my $id = shift;
    my ($product) = rows("SELECT p.ID id, p.FRIENDLY friendly_name, p.FRIENDLY name, p.PRODUCT identifier,
        p.FORMER_IDENTIFIER former_identifier, p.DESCRIPTION description, p.VERSION version, p.REL release_type, p.ARCH arch,
        p.PRODUCT_CLASS product_class, p.CPE cpe, p.EULA_URL eula_url, p.SHORTNAME shortname, p.RELEASE_STAGE release_stage,
        p.PRODUCT_TYPE product_type, NOT EXISTS (SELECT 1 FROM ProductCatalogs pc JOIN Catalogs c ON pc.CATALOGID = c.ID
        WHERE pc.PRODUCTID = p.ID AND c.DOMIRROR = 'N' AND pc.OPTIONAL = 'N') available FROM Products p WHERE p.ID = ?", $id);
    $product or die "Incomplete Registration found. Unable to find the product $id\n";
    my @repositories = map {
        {
            id => $_->{ID} + 0,
            name => $_->{NAME},
            distro_target => $_->{TARGET},
            description => $_->{DESCRIPTION},
            url => local_url() . "/repo/$_->{LOCALPATH}",
            autorefresh => truth($_->{AUTOREFRESH} eq 'Y'),
            enabled => truth($_->{OPTIONAL} eq 'N'),
            installer_updates => truth($_->{INSTALLER_UPDATES} eq 'Y'),
        }
    } rows('SELECT c.ID, c.NAME, c.TARGET, c.DESCRIPTION, c.LOCALPATH, c.AUTOREFRESH, pc.OPTIONAL, pc.INSTALLER_UPDATES
        FROM ProductCatalogs pc JOIN Catalogs c ON pc.CATALOGID = c.ID WHERE pc.PRODUCTID = ? ORDER BY c.ID', $id);
    return { %$product, id => $id + 0, free => truth(1), recommended => truth(0), available => truth($product->{available}),
        repositories => \@repositories };
}

sub truth { return $_[0] ? JSON::PP::true : JSON::PP::false }

# machine GUID PARAMETERS: keeps what the client has told of its machine, in place of what it told before.
sub machine {
    my ($guid, $client) = @_;
    database()->do('DELETE FROM MachineData WHERE GUID = ? AND KEYNAME = ?', undef, $guid, $_) for qw(machinedata host virttype);
    store($guid, machinedata => $json->encode($client));
    my $hypervisor = ($client->{hwinfo} // {})->{hypervisor};
    store($guid, host => 'Y', virttype => $hypervisor) if $hypervisor;
}

sub host {
    my ($request, $client) = @_;
    return $client->{hostname} || $request->connection->remote_host || $request->connection->client_ip;
}

# random: 32 hexadecimal digits.
sub random {
    open my $kernel, '<', '/proc/sys/kernel/random/uuid' or die "no random number: $!\n";
    return <$kernel> =~ s/[-\n]//gr;
}

1;
