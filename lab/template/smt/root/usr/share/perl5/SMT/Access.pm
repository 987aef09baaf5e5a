# Part of the stand-in for SMT, which is not packaged for Debian: who may read what is below /repo. Every download asks. So this
# loads little, and what the others need only where credentials count.
package SMT::Access;
use strict;
use warnings;
use Apache2::Const -compile => qw(OK);
use Apache2::RequestRec ();

sub handler {
    my $request = shift;
    my $required = required();
    if ($request->uri =~ m{/repoindex\.xml$} || $required) {
        require SMT::Repositories;
        return SMT::Repositories::authenticate($request, $required);
    }
    $request->user('');
    return Apache2::Const::OK;
}

# required: whose repositories these are: '' for all, lazy for clients, strict for those who have them.
sub required {
    open my $settings, '<', '/etc/smt.conf' or die "Cannot read the SMT configuration file: $!\n";
    my ($value) = map { /^\s*requiredAuthType\s*=\s*(lazy|strict)\s*$/ } <$settings>;
    return $value // '';
}

1;
