# Part of the stand-in for SMT, which is not packaged for Debian: which clients may read a repository, and the index of a client's.
package SMT::Repositories;
use strict;
use warnings;
use Apache2::Const -compile => qw(OK FORBIDDEN);
use SMT::Web qw(authorized basic_auth database now rows xml);

my $of_client = "FROM Catalogs c, ProductCatalogs pc, Registration r WHERE r.GUID = ? AND r.PRODUCTID = pc.PRODUCTID
    AND c.ID = pc.CATALOGID AND c.DOMIRROR = 'Y'";

# Like the real SMT, the index needs credentials, but checks none: one who is not known, or not yet on this server, gets an
# empty one.
sub authenticate {
    my ($request, $required) = @_;
    my $path = $request->uri =~ s{/+}{/}gr;
    if ($path =~ m{/repoindex\.xml$}) {
        $request->get_basic_auth_pw;
        return ($request->user // '') eq '' ? basic_auth($request) : Apache2::Const::OK;
    }
    return basic_auth($request) if !authorized($request);
    return Apache2::Const::OK if $required eq 'lazy';

    my @own = rows("SELECT c.LOCALPATH $of_client AND (c.TARGET IS NULL OR c.TARGET = (SELECT TARGET FROM Clients WHERE GUID = ?))",
        $request->user, $request->user);
    for my $own (map { "/repo/$_->{LOCALPATH}" =~ s{/+}{/}gr } @own) {
        return Apache2::Const::OK if index($path, $own) == 0;
    }
    $request->log_error("FORBIDDEN: " . $request->user . " tried to access $path");
    return Apache2::Const::FORBIDDEN;
}

sub handler {
    my $request = shift;
    my $guid = $request->user;
    my ($client) = rows('SELECT TARGET, REGTYPE FROM Clients WHERE GUID = ?', $guid);
    my ($filter, @values) = ('');
    if ($client && $client->{TARGET}) {
        # suse_register knows repositories of a target only.
        $filter = $client->{REGTYPE} eq 'SC' ? ' AND (c.TARGET IS NULL OR c.TARGET = ?)' : ' AND c.TARGET = ?';
        @values = $client->{TARGET};
    }
    $filter .= " AND c.CATALOGTYPE = 'nu'" if $client && $client->{REGTYPE} eq 'SR';
    my @found = rows("SELECT c.ID, c.NAME, c.DESCRIPTION, c.TARGET, c.LOCALPATH, c.AUTOREFRESH, pc.OPTIONAL $of_client$filter ORDER BY c.ID",
        $guid, @values);
    my %seen;
    @found = grep { !$seen{ $_->{ID} }++ } @found;
    database()->do('UPDATE Clients SET LASTCONTACT = ? WHERE GUID = ?', undef, now(), $guid);

    $request->content_type('text/xml');
    $request->err_headers_out->add('Cache-Control' => 'no-cache, public, must-revalidate');
    $request->print(qq(<?xml version="1.0" encoding="UTF-8"?>\n<repoindex>\n), (map { repo($_) . "\n" } @found), '</repoindex>');
    return Apache2::Const::OK;
}

sub repo {
    my $found = shift;
    return xml('repo', name => $found->{NAME}, alias => $found->{NAME}, description => $found->{DESCRIPTION},
        distro_target => $found->{TARGET}, path => $found->{LOCALPATH}, priority => 0, pub => 0,
        autorefresh => $found->{AUTOREFRESH} eq 'N' ? 0 : 1, enabled => $found->{OPTIONAL} eq 'N' ? 1 : 0);
}

1;
