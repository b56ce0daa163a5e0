package binding

// Names lists the declared arguments in declaration order.
func (a *Args) Names() []string {
	names := make([]string, len(a.object.fields))
	for i := range a.object.fields {
		names[i] = a.object.fields[i].name
	}
	return names
}
