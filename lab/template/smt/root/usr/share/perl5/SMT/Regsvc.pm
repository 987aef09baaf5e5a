# Part of the stand-in for SMT, which is not packaged for Debian: suse_register's protocol, which the real SMT 11 has, and
# SMT 12 too. A client chooses its GUID and its secret itself.
package SMT::Regsvc;
use strict;
use warnings;
use Apache2::Const -compile => qw(OK);
use SMT::Web qw(body database local_id local_url now patchstatus_job product_id rows text xml);
use XML::Parser;

my @namespace = (xmlns => 'http://www.novell.com/xml/center/regsvc-1_0', lang => 'en');

my %commands = (listproducts => \&list_products, listparams => \&list_params, register => \&register);

sub handler {
    my $request = shift;
    my %arguments = map { /^(.*?)=(.*)$/ } split /&/, $request->args // '';
    $request->content_type('text/xml');
    my $answer = eval {
        my $command = $commands{ $arguments{command} // '' } or die { refused => 'Bad Request' };
        die { refused => 'Invalid protocol version.' } if ($arguments{version} // '1.0') ne '1.0';
        qq(<?xml version="1.0" encoding="UTF-8"?>\n) . $command->($request);
    };
    if (my $problem = $@) {
        die $problem if ref $problem ne 'HASH';
        $request->log_error($problem->{refused});
        $request->status(400);
        $request->content_type('text/plain');
        $answer = $problem->{refused};
    }
    $request->print($answer);
    return Apache2::Const::OK;
}

sub list_products {
    return xml('productlist', @namespace,
        join '', map { xml('product', text($_->{PRODUCT})) } rows("SELECT DISTINCT PRODUCT FROM Products WHERE PRODUCT_LIST = 'Y'"));
}

sub list_params {
    my $sent = parse(body(shift));
    my $list = merged('PARAMLIST', map { number($_) } grep { $_->{name} eq 'product' } @{ $sent->{kids} });
    return $list ? written($list) : '';
}

sub register {
    my $request = shift;
    my $sent = parse(body($request));
    my (@products, %told);
    for my $element (@{ $sent->{kids} }) {
        if ($element->{name} eq 'product') { push @products, { %$element, id => number($element) } }
        $told{ $element->{name} eq 'param' ? $element->{attributes}{id} // '' : $element->{name} } = $element->{text};
        $told{virttype} = $element->{attributes}{type} if $element->{name} eq 'host' && $element->{attributes}{type};
    }
    my @ids = map { $_->{id} } @products;

    my $info = merged('NEEDINFO', @ids);
    my $optional = ($sent->{attributes}{accept} // '') ne 'mandatory';
    $info->{kids} = [ map { needed($_, \%told, $optional) } @{ $info->{kids} } ] if $info;
    return written($info) if $info && @{ $info->{kids} };
    die { refused => 'Bad Request' } if !defined $told{guid} || !@ids;

    my ($os) = grep { ($_ // '') ne '' } map { $told{$_} } qw(ostarget ostarget-bak);
    my ($found) = defined $os ? rows('SELECT TARGET FROM Targets WHERE OS = ?', $os =~ s/^\s*"|"\s*$//gr) : ();
    my $target = ($found // {})->{TARGET};
    add($request, \%told, \@products, $target);
    return configuration($told{guid}, $target, @ids);
}

# add REQUEST TOLD PRODUCTS TARGET: writes the client to the database. Like the real SMT, it logs what the database refuses,
# and goes on.
sub add {
    my ($request, $told, $products, $target) = @_;
    my ($guid, $time) = ($told->{guid}, now());
    my $do = sub {
        my ($statement, @values) = @_;
        my $count = eval { database()->do($statement, undef, @values) };
        $request->log_error("DBERROR: $@") if $@;
        return $count // 0;
    };

    my %former = map { $_->{PRODUCTID} => 1 } rows('SELECT PRODUCTID FROM Registration WHERE GUID = ?', $guid);
    my %wanted = map { $_->{id} => 1 } @$products;
    my @gone = sort grep { !$wanted{$_} } keys %former;
    $do->('DELETE FROM Registration WHERE GUID = ? AND PRODUCTID IN (' . join(', ', @gone) . ')', $guid) if @gone;
    for my $id (sort keys %wanted) {
        $do->($former{$id} ? 'UPDATE Registration SET REGDATE = ? WHERE GUID = ? AND PRODUCTID = ?'
            : 'INSERT INTO Registration (REGDATE, GUID, PRODUCTID) VALUES (?, ?, ?)', $time, $guid, $id);
    }

    my %data = map { $_ => $told->{$_} } grep { !/^(guid|product|mirrors)$/ } keys %$told;
    for my $product (@$products) {
        my ($id, $attributes) = @$product{qw(id attributes)};
        @data{ map { "product-$_-$id" } qw(name version arch rel) } = ($product->{text}, @$attributes{qw(version arch release)});
    }
    $do->('DELETE FROM MachineData WHERE GUID = ?', $guid);
    $do->('INSERT INTO MachineData (GUID, KEYNAME, VALUE) VALUES (?, ?, ?)', $guid, $_, $data{$_}) for sort keys %data;

    my @client = ($told->{hostname} || $request->connection->remote_host || $request->connection->client_ip, $target);
    my $known = $do->('UPDATE Clients SET HOSTNAME = ?, TARGET = ?, LASTCONTACT = ?, NAMESPACE = ?, SECRET = ? WHERE GUID = ?',
        @client, $time, '', $told->{secret}, $guid);
    $do->("INSERT INTO Clients (HOSTNAME, TARGET, NAMESPACE, SECRET, GUID, REGTYPE) VALUES (?, ?, ?, ?, ?, 'SR')",
        @client, '', $told->{secret}, $guid) if $known == 0;
    patchstatus_job($guid);
}

# configuration GUID TARGET PRODUCT…: the client's repositories and the state of its products.
sub configuration {
    my ($guid, $target, @ids) = @_;
    my @found = rows("SELECT DISTINCT c.NAME, c.DESCRIPTION, c.LOCALPATH, c.CATALOGTYPE, pc.OPTIONAL FROM Catalogs c, ProductCatalogs pc
        WHERE c.DOMIRROR = 'Y' AND c.ID = pc.CATALOGID AND (? IS NULL OR c.TARGET IS NULL OR c.TARGET = ?)
        AND pc.PRODUCTID IN (" . join(', ', @ids) . ') ORDER BY c.NAME', $target, $target);
    $_->{URL} = local_url() . "/repo/$_->{LOCALPATH}" =~ s{/+}{/}gr for @found;
    my $services = '';
    if (my @index = grep { $_->{CATALOGTYPE} eq 'nu' } @found) {
        $services = xml('service', id => local_id(), description => 'Local NU Server', type => 'nu',
            xml('param', id => 'url', text(local_url() . '/')) .
            join '', map { xml('param', name => 'catalog', url => $_->{URL}, text($_->{NAME})) } grep { $_->{OPTIONAL} ne 'Y' } @index);
    }
    for my $single (grep { $_->{CATALOGTYPE} eq 'zypp' } @found) {
        $services .= xml('service', id => $single->{NAME}, description => $single->{DESCRIPTION}, type => 'zypp',
            xml('param', id => 'url', text($single->{URL})) . xml('param', name => 'catalog', text($single->{NAME})));
    }
    my $products = join '', map {
        xml('productstatus', product => $_->{PRODUCT}, version => $_->{VERSION}, release => $_->{REL}, arch => $_->{ARCH},
            result => 'success', errorcode => 'OK', xml('message', 'Ok.'))
    } rows('SELECT p.PRODUCT, p.VERSION, p.REL, p.ARCH FROM Registration r JOIN Products p ON r.PRODUCTID = p.ID
        WHERE r.GUID = ? ORDER BY p.ID', $guid);
    return xml('zmdconfig', @namespace, xml('guid', text($guid)) . $services . xml('status', generated => time, $products));
}

# number ELEMENT: the product's number in the database.
sub number {
    my $product = shift;
    my @rest = map { ($_ // '') eq '' ? undef : $_ } @{ $product->{attributes} }{qw(version release arch)};
    return product_id($product->{text}, @rest)
        // die { refused => 'Product (' . join(' ', $product->{text}, map { $_ // '' } @rest) . ') not found on Server.' };
}

# merged COLUMN PRODUCT…: the documents that the products have in this column as one.
sub merged {
    my ($column, @ids) = @_;
    my $all;
    for my $id (@ids) {
        my ($product) = rows("SELECT $column FROM Products WHERE ID = ?", $id);
        next if ($product->{$column} // '') eq '';
        my $document = parse($product->{$column});
        if ($all) { merge($all, $document) } else { $all = $document }
    }
    return $all;
}

sub merge {
    my ($into, $from) = @_;
    my $key = sub { join ' ', $_[0]{name}, $_[0]{attributes}{id} // '' };
    for my $kid (@{ $from->{kids} }) {
        my ($same) = grep { $key->($_) eq $key->($kid) } @{ $into->{kids} };
        if ($same) { merge($same, $kid) } else { push @{ $into->{kids} }, $kid }
    }
}

# needed ELEMENT TOLD OPTIONAL: the element if the client has not told what it asks for, or a part of it; optional parameters
# only for a client that takes them.
sub needed {
    my ($element, $told, $optional) = @_;
    my ($name, $attributes) = @$element{qw(name attributes)};
    return exists $told->{$name} ? () : $element if $name =~ /^(guid|host|product)$/;
    $optional ||= ($attributes->{class} // '') eq 'mandatory';
    my @kids = map { needed($_, $told, $optional) } @{ $element->{kids} };
    my $own = $name eq 'param' && $attributes->{command} && $optional && !exists $told->{ $attributes->{id} // '' };
    return $own || @kids ? { %$element, kids => \@kids } : ();
}

# parse TEXT: the document as nested hashes of name, attributes, text and kids.
sub parse {
    my @open = { kids => [] };
    my $parser = XML::Parser->new(NoLWP => 1, NoExpand => 1, Handlers => {
        Start => sub {
            my (undef, $name, %attributes) = @_;
            my $element = { name => $name, attributes => \%attributes, text => '', kids => [] };
            push @{ $open[-1]{kids} }, $element;
            push @open, $element;
        },
        Char => sub { $open[-1]{text} .= $_[1] },
        End => sub { pop @open },
        ExternEnt => sub { '' },
    });
    eval { $parser->parse(shift); 1 } or die { refused => 'Bad Request' };
    return $open[0]{kids}[0];
}

sub written {
    my $element = shift;
    my @attributes = map { $_ => $element->{attributes}{$_} } sort keys %{ $element->{attributes} };
    return xml($element->{name}, @attributes, join '', map { written($_) } @{ $element->{kids} });
}

1;
